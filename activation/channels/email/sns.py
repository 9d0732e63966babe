"""Messages of Amazon SNS and their signatures (docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html)."""

from __future__ import annotations

import base64
import re
import time
import urllib.request
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import lru_cache
from threading import Lock
from typing import Any
from urllib.parse import urlsplit

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509 import load_pem_x509_certificate

from activation.channels.contract import WebhookRefused

HOST = re.compile(r"sns\.[a-z]{2}(-[a-z]+)+-\d\.amazonaws\.com(\.cn)?")
CERTIFICATE = re.compile(r"/SimpleNotificationService-[0-9a-f]+\.pem")
HASHES: dict[str, type[hashes.SHA1 | hashes.SHA256]] = {"1": hashes.SHA1, "2": hashes.SHA256}
# the signed fields of each type, in the order they are signed; a subject is signed where there is one
SIGNED = {
    "Notification": ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    "SubscriptionConfirmation": ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
    "UnsubscribeConfirmation": ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
}
FETCH_SECONDS, LARGEST = 5, 100_000
FAILURE_SECONDS = 10.0
MOST_REMEMBERED = 16

Fetch = Callable[[str], bytes]


def fetch(address: str) -> bytes:
    """What stands at an address of SNS. Raises OSError when it cannot be had, WebhookRefused for any other address."""
    assert_of_sns(address)
    with _without_redirects().open(address, timeout=FETCH_SECONDS) as answer:
        return bytes(answer.read(LARGEST))


def remembered(fetch: Fetch, clock: Callable[[], float] = time.monotonic) -> Fetch:
    """The same, asking once for each address, one at a time: certificates do not change under theirs.

    An OSError is raised again for ten seconds without asking, so that a storm of events does not wait for each.
    """
    known = lru_cache(maxsize=MOST_REMEMBERED)(fetch)
    failed: dict[str, tuple[float, str]] = {}
    one_at_a_time = Lock()

    def found(address: str) -> bytes:
        with one_at_a_time:
            until, words = failed.get(address, (0.0, ""))
            if clock() < until:
                raise OSError(words)
            try:
                return known(address)
            except OSError as problem:
                if len(failed) >= MOST_REMEMBERED:
                    failed.clear()
                failed[address] = (clock() + FAILURE_SECONDS, f"a moment ago: {problem}")
                raise

    return found


def assert_of_sns(address: str) -> None:
    """Raises WebhookRefused unless the address is https on a host of SNS: any other could hold anybody's certificate."""
    parts = urlsplit(address)
    if parts.scheme != "https" or not HOST.fullmatch(parts.netloc):
        raise WebhookRefused("the message names an address that is not of SNS")


def assert_of_certificate(address: str) -> None:
    """Raises WebhookRefused unless SNS itself keeps a certificate there: each new address costs a request."""
    assert_of_sns(address)
    parts = urlsplit(address)
    if not CERTIFICATE.fullmatch(parts.path) or parts.query or parts.fragment:
        raise WebhookRefused("the message names a certificate that is not of SNS")


def verify(message: Mapping[str, Any], certificate: Fetch, *, now: datetime) -> None:
    """Raises WebhookRefused unless SNS signed the message (version 1 or 2) with a certificate valid now."""
    fields = SIGNED.get(str(message.get("Type")))
    algorithm = HASHES.get(str(message.get("SignatureVersion")))
    if fields is None or algorithm is None:
        raise WebhookRefused("the type or signature version is none of SNS")
    address = str(message.get("SigningCertURL") or message.get("SigningCertUrl") or "")
    assert_of_certificate(address)
    try:
        found = load_pem_x509_certificate(certificate(address))
        key = found.public_key()
        if not isinstance(key, rsa.RSAPublicKey):
            raise TypeError("SNS signs with RSA")  # noqa: TRY301 - as wrong as any other signature
        signature = base64.b64decode(str(message.get("Signature")), validate=True)
        key.verify(signature, signed_text(message, fields), padding.PKCS1v15(), algorithm())
    except (InvalidSignature, ValueError, TypeError):
        raise WebhookRefused("the signature is wrong") from None
    if not found.not_valid_before_utc <= now <= found.not_valid_after_utc:
        raise WebhookRefused("the certificate of the signature is not valid now")


def signed_text(message: Mapping[str, Any], fields: tuple[str, ...]) -> bytes:
    """The text that SNS signs: each field's name and value on a line of its own."""
    present = [name for name in fields if message.get(name) is not None]
    return "".join(f"{name}\n{message[name]}\n" for name in present).encode("utf-8", "replace")


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


def _without_redirects() -> urllib.request.OpenerDirector:
    return urllib.request.build_opener(_Stay)
