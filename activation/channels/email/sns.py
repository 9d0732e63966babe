"""Messages of Amazon SNS and their signatures (docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html)."""

from __future__ import annotations

import base64
import re
import urllib.request
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509 import load_pem_x509_certificate

from activation.channels.contract import WebhookRefused

HOST = re.compile(r"sns\.[a-z]{2}(-[a-z]+)+-\d\.amazonaws\.com(\.cn)?")
HASHES: dict[str, type[hashes.SHA1 | hashes.SHA256]] = {"1": hashes.SHA1, "2": hashes.SHA256}
# the signed fields of each type, in the order they are signed; a subject is signed where there is one
SIGNED = {
    "Notification": ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    "SubscriptionConfirmation": ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
    "UnsubscribeConfirmation": ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
}
FETCH_SECONDS, LARGEST = 5, 100_000

Fetch = Callable[[str], bytes]


def fetch(address: str) -> bytes:
    """What stands at an address of SNS. Raises OSError when it cannot be had, WebhookRefused for any other address."""
    assert_of_sns(address)
    with _without_redirects().open(address, timeout=FETCH_SECONDS) as answer:
        return bytes(answer.read(LARGEST))


def remembered(fetch: Fetch) -> Fetch:
    """The same, asking once for each address: certificates do not change under theirs."""
    return lru_cache(maxsize=16)(fetch)


def assert_of_sns(address: str) -> None:
    """Raises WebhookRefused unless the address is https on a host of SNS: any other could hold anybody's certificate."""
    parts = urlsplit(address)
    if parts.scheme != "https" or not HOST.fullmatch(parts.netloc):
        raise WebhookRefused("the message names an address that is not of SNS")


def verify(message: Mapping[str, Any], certificate: Fetch, *, now: datetime) -> None:
    """Raises WebhookRefused unless SNS signed the message (version 1 or 2) with a certificate valid now."""
    fields = SIGNED.get(str(message.get("Type")))
    algorithm = HASHES.get(str(message.get("SignatureVersion")))
    if fields is None or algorithm is None:
        raise WebhookRefused("the type or signature version is none of SNS")
    address = str(message.get("SigningCertURL") or message.get("SigningCertUrl") or "")
    assert_of_sns(address)
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
