"""What the Resend API takes and in which words it refuses: pure rules, no state.

Names, statuses: https://resend.com/docs/api-reference/errors
Fields: https://resend.com/docs/api-reference/emails/send-email
Where the reference has no words for a case, the message is ours: read the name and the status.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import orjson
from starlette.responses import Response

MOST_MAILS = 100
MOST_RECIPIENTS = 50
LONGEST_KEY = 256
RESERVED_DOMAINS = frozenset({"example.com", "test.com"})
"""Refused with 422: https://resend.com/docs/knowledge-base/what-email-addresses-to-use-for-testing"""

ADDRESS_FIELDS = ("from", "to", "cc", "bcc", "reply_to")
RECIPIENT_FIELDS = ("to", "cc", "bcc")

FORMAT = "The email address needs to follow the `email@example.com` or `Name <email@example.com>` format."
TOO_MANY = "Too many requests. Please limit the number of requests per second."

_ADDRESS = r"[^@\s<>,]+@[^@\s<>,]+\.[^@\s<>,]+"
ADDRESS = re.compile(rf"{_ADDRESS}|[^<>\r\n]*<{_ADDRESS}>")
TAG = re.compile(r"[A-Za-z0-9_-]{1,256}")

Mail = dict[str, Any]


class Refused(Exception):
    """The API says no; carries the whole answer."""

    def __init__(self, status: int, name: str, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.status, self.name, self.message, self.retry_after = status, name, message, retry_after

    def response(self) -> Response:
        return error_response(self.status, self.name, self.message, retry_after=self.retry_after)


def error_response(status: int, name: str, message: str, *, retry_after: float | None = None) -> Response:
    """The shape of every error of the API: statusCode, name, message."""
    body = orjson.dumps({"statusCode": status, "name": name, "message": message})
    headers = {} if retry_after is None else {"retry-after": f"{retry_after:g}"}
    return Response(body, status_code=status, media_type="application/json", headers=headers)


def check_key(key: str | None) -> None:
    """https://resend.com/docs/dashboard/emails/idempotency-keys: optional, 1 to 256 characters."""
    if key is not None and not 1 <= len(key) <= LONGEST_KEY:
        words = "Idempotency keys, if present, must have between 1 and 256 characters."
        raise Refused(400, "invalid_idempotency_key", words)


def mails_in(raw: bytes, *, in_batch: bool) -> list[Any]:
    """The mails of a request, not checked yet; a batch is an array of 1 to 100 of them.

    https://resend.com/docs/api-reference/emails/send-batch-emails
    """
    try:
        content = orjson.loads(raw)
    except orjson.JSONDecodeError:
        raise Refused(400, "validation_error", "The request body is not valid JSON.") from None
    if not in_batch:
        return [content]
    if not isinstance(content, list) or not 1 <= len(content) <= MOST_MAILS:
        raise _invalid("The request body must be an array of 1 to 100 emails.")
    return content


def check_mail(mail: Any, *, in_batch: bool, allow_reserved: bool = False) -> None:
    """Raises Refused as the API does for one mail.

    It was seen to look in this order: to, body, subject, from.
    """
    if not isinstance(mail, dict):
        raise _invalid("An email must be an object.")
    _check_presence(mail)
    for field in ADDRESS_FIELDS:
        _check_addresses(mail, field, allow_reserved=allow_reserved)
    if len(as_list(mail["to"])) > MOST_RECIPIENTS:
        raise _invalid("The `to` field must not have more than 50 recipients.")
    _check_tags(mail.get("tags"))
    _check_headers(mail.get("headers"))
    _check_attachments(mail.get("attachments"), in_batch=in_batch)


def recipients(mail: Any) -> Iterator[str]:
    """The addresses that a mail goes to, also of a mail that will be refused."""
    if isinstance(mail, dict):
        for field in RECIPIENT_FIELDS:
            yield from (bare(address) for address in as_list(mail.get(field)) if isinstance(address, str))


def bare(address: str) -> str:
    """ada@lab.dev of both `ada@lab.dev` and `Ada <ada@lab.dev>`."""
    return address.rpartition("<")[2].rstrip(">")


def as_list(value: Any) -> list[Any]:
    """Address fields hold a string or an array of strings."""
    if isinstance(value, list):
        return value
    return [] if value is None else [value]


def _invalid(message: str) -> Refused:
    return Refused(422, "validation_error", message)


def _missing(field: str) -> Refused:
    return Refused(422, "missing_required_field", f"Missing `{field}` field.")


def _check_presence(mail: Mail) -> None:
    if not mail.get("to"):
        raise _missing("to")
    has_body = bool(mail.get("html") or mail.get("text"))
    if mail.get("template"):
        if has_body:
            raise _invalid("The `template` field cannot be used with `html` or `text`.")
        return
    if not has_body:
        raise Refused(422, "validation_error", "Missing `html` or `text` field.")
    for field in ("subject", "from"):
        if not mail.get(field):
            raise _missing(field)


def _check_addresses(mail: Mail, field: str, *, allow_reserved: bool) -> None:
    for address in as_list(mail.get(field)):
        if not isinstance(address, str) or not ADDRESS.fullmatch(address):
            raise _invalid(f"Invalid `{field}` field. {FORMAT}")
        if field in RECIPIENT_FIELDS and not allow_reserved and _domain(address) in RESERVED_DOMAINS:
            advice = "Please use our testing email address instead of domains like `example.com`."
            raise _invalid(f"Invalid `{field}` field. {advice}")


def _domain(address: str) -> str:
    return bare(address).rpartition("@")[2].lower()


def _check_tags(tags: Any) -> None:
    """ASCII letters, digits, _ and -, at most 256 of them: https://resend.com/docs/dashboard/emails/tags"""
    for tag in as_list(tags):
        pair = (tag.get("name"), tag.get("value")) if isinstance(tag, dict) else (None, None)
        if not all(isinstance(part, str) and TAG.fullmatch(part) for part in pair):
            raise _invalid("Tags should only contain ASCII letters, numbers, underscores, or dashes.")


def _check_headers(headers: Any) -> None:
    if headers is not None and not (
        isinstance(headers, dict) and all(isinstance(value, str) for value in headers.values())
    ):
        raise _invalid("The `headers` field must be an object of strings.")


def _check_attachments(attachments: Any, *, in_batch: bool) -> None:
    """A batch takes none (https://resend.com/docs/api-reference/emails/send-batch-emails, Limitations)."""
    if in_batch and attachments:
        raise _invalid("The `attachments` field is not supported in batch emails.")
    for attachment in as_list(attachments):
        if not isinstance(attachment, dict) or not (attachment.get("content") or attachment.get("path")):
            raise Refused(422, "invalid_attachment", "Attachment must have either a `content` or `path`.")
