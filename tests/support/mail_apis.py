"""How SendGrid, Postmark and Amazon SES answer, as their references tell; an address @invalid is none to them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import orjson

from tests.support.http_provider import Answer, Behaviour, Request, forwarded_to

_numbers = itertools.count(1)


def sendgrid(request: Request) -> Answer:
    """POST /v3/mail/send (https://www.twilio.com/docs/sendgrid/api-reference/mail-send/mail-send)."""
    if request.path != "/v3/mail/send":
        return _sendgrid_error(404, "Not Found", None)
    if request.headers.get("authorization") != "Bearer SG.test":
        return _sendgrid_error(401, "The provided authorization grant is invalid, expired, or revoked", None)
    mail = orjson.loads(request.body)
    if mail["personalizations"][0]["to"][0]["email"].endswith("@invalid"):
        return _sendgrid_error(400, "Does not contain a valid address.", "personalizations.0.to.0.email")
    if [part["type"] for part in mail["content"]] != ["text/plain", "text/html"]:
        return _sendgrid_error(400, "If present, text/plain must come first.", "content.0.type")
    return Answer(202, headers={"X-Message-Id": f"sendgrid{next(_numbers)}"})


def _sendgrid_error(status: int, message: str, field: str | None) -> Answer:
    content = {"errors": [{"message": message, "field": field, "help": None}]}
    return Answer(status, orjson.dumps(content), {"content-type": "application/json"})


def postmark(request: Request) -> Answer:
    """POST /email/batch (https://postmarkapp.com/developer/api/email-api#send-batch-emails)."""
    if request.path != "/email/batch":
        return Answer(404)
    if request.headers.get("x-postmark-server-token") != "test":
        return _json(401, {"ErrorCode": 10, "Message": "No Account or Server API tokens were supplied."})
    mails = orjson.loads(request.body)
    if len(mails) > 500:
        return _json(422, {"ErrorCode": 410, "Message": "Too many batch messages."})
    return _json(200, [_postmark_result(mail) for mail in mails])


def _postmark_result(mail: dict[str, Any]) -> dict[str, Any]:
    if mail["From"].endswith("@nobody>"):
        return {"ErrorCode": 400, "Message": "The 'From' address is not a Sender Signature on your account."}
    if mail["To"].endswith("@invalid"):
        return {"ErrorCode": 300, "Message": f"Error parsing 'To': Illegal email address '{mail['To']}'."}
    if mail["To"].startswith("inactive@"):
        return {"ErrorCode": 406, "Message": "You tried to send to recipient(s) that have been marked as inactive."}
    if mail["To"].startswith("unpaid@"):
        return {"ErrorCode": 405, "Message": "Your account has run out of credits."}
    accepted = {
        "To": mail["To"],
        "SubmittedAt": "2026-11-27T10:00:00.0000000Z",
        "MessageID": f"postmark{next(_numbers)}",
    }
    return {**accepted, "ErrorCode": 0, "Message": "OK"}


def _json(status: int, content: Any) -> Answer:
    return Answer(status, orjson.dumps(content), {"content-type": "application/json"})


@contextmanager
def ses() -> Iterator[Behaviour]:
    """Amazon SES as moto has it, with the domain shop.test.dev verified."""
    import boto3
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    client = boto3.client(
        "ses", region_name="eu-west-1", endpoint_url=url, aws_access_key_id="AKIATEST", aws_secret_access_key="secret"
    )
    client.verify_domain_identity(Domain="shop.test.dev")
    client.close()
    moto = forwarded_to(url)

    def behave(request: Request) -> Answer:
        if any(to.endswith("@invalid") for to in orjson.loads(request.body)["Destination"]["ToAddresses"]):
            return ses_error(400, "BadRequestException", "Invalid domain name")  # moto takes any
        return moto(request)

    try:
        yield behave
    finally:
        server.stop()


def ses_error(status: int, code: str, message: str) -> Answer:
    """An error as SES v2 tells it."""
    headers = {"content-type": "application/json", "x-amzn-ErrorType": f"{code}:http://internal.amazon.com/"}
    return Answer(status, orjson.dumps({"message": message}), headers)
