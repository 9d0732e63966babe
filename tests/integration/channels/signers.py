"""Providers that tell: requests made and signed as each does, by its official library where that signs."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import orjson
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID
from sendgrid.helpers.eventwebhook import EventWebhook
from svix.webhooks import Webhook

from activation.channels.contract import WebhookInvalid, WebhookReader, WebhookRefused
from activation.channels.email.postmark import PostmarkWebhooks
from activation.channels.email.resend import ResendWebhooks
from activation.channels.email.sendgrid import SendGridWebhooks
from activation.channels.email.ses import SesWebhooks

NOW = datetime(2026, 11, 27, 10, 0, tzinfo=UTC)
TOPIC = "arn:aws:sns:eu-west-1:123456789012:engage"
CERTIFICATES = "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-{}.pem"

Told = tuple[dict[str, str], bytes]


class Signer(Protocol):
    """A provider: `sign` makes a request of a body; `event` the body of a delivery or of a type nobody knows."""

    name: str
    signs_time: bool
    signs_body: bool
    unreadable: type[Exception]

    def reader(self) -> WebhookReader: ...
    def reader_without_secret(self) -> WebhookReader: ...
    def reader_while_rotating(self) -> WebhookReader: ...
    def event(self, kind: str = "delivery", filler: str = "") -> bytes: ...
    def sign(self, body: bytes, at: datetime = NOW, *, key: int = 0) -> Told: ...
    def alter(self, told: Told) -> Told: ...


@dataclass
class ResendSigner:
    name = "resend"
    signs_time = signs_body = True
    unreadable = WebhookInvalid
    secrets: list[str] = field(
        default_factory=lambda: ["whsec_" + base64.b64encode(bytes([n]) * 24).decode() for n in (1, 2)]
    )

    def reader(self) -> WebhookReader:
        return ResendWebhooks(self.secrets[:1])

    def reader_without_secret(self) -> WebhookReader:
        return ResendWebhooks([])

    def reader_while_rotating(self) -> WebhookReader:
        return ResendWebhooks(self.secrets)

    def event(self, kind: str = "delivery", filler: str = "") -> bytes:
        told = {"delivery": "email.delivered", "unknown": "email.teleported"}[kind]
        return orjson.dumps(resend_event(told, filler=filler))

    def sign(self, body: bytes, at: datetime = NOW, *, key: int = 0) -> Told:
        signature = (
            Webhook(self.secrets[key]).sign("msg_1", at, body.decode("utf-8", "surrogateescape"))
            if _is_text(body)
            else _svix(self.secrets[key], at, body)
        )
        return {"svix-id": "msg_1", "svix-timestamp": str(int(at.timestamp())), "svix-signature": signature}, body

    def alter(self, told: Told) -> Told:
        return told[0], told[1].replace(b"email", b"emaii")


def _is_text(body: bytes) -> bool:
    try:
        return bool(body.decode())
    except UnicodeDecodeError:
        return False


def _svix(secret: str, at: datetime, body: bytes) -> str:
    """What the library cannot sign, because it is no text."""
    import hmac

    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"msg_1.{int(at.timestamp())}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(key, signed, "sha256")).decode()


def resend_event(told: str, *, filler: str = "", **data: Any) -> dict[str, Any]:
    tags = {"message_id": "42", "campaign": "sale", "epoch": "e1"}
    content = {"email_id": "re-1", "to": ["ada@mail.test.dev"], "tags": tags, **data, "filler": filler}
    return {"type": told, "created_at": "2026-11-27T09:59:58.126Z", "data": content}


@dataclass
class SendGridSigner:
    name = "sendgrid"
    signs_time = signs_body = True
    unreadable = WebhookInvalid
    keys: list[ec.EllipticCurvePrivateKey] = field(
        default_factory=lambda: [ec.generate_private_key(ec.SECP256R1()) for _ in range(2)]
    )

    def public(self, key: int) -> str:
        der = self.keys[key].public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return base64.b64encode(der).decode()

    def reader(self) -> WebhookReader:
        return SendGridWebhooks([self.public(0)])

    def reader_without_secret(self) -> WebhookReader:
        return SendGridWebhooks([])

    def reader_while_rotating(self) -> WebhookReader:
        return SendGridWebhooks([self.public(0), self.public(1)])

    def event(self, kind: str = "delivery", filler: str = "") -> bytes:
        told = {"delivery": "delivered", "unknown": "teleported"}[kind]
        return orjson.dumps([sendgrid_event(told, filler=filler)])

    def sign(self, body: bytes, at: datetime = NOW, *, key: int = 0) -> Told:
        timestamp = str(int(at.timestamp()))
        signature = self.keys[key].sign(timestamp.encode() + body, ec.ECDSA(hashes.SHA256()))
        encoded = base64.b64encode(signature).decode()
        if _is_text(body):  # what the official library would believe
            assert EventWebhook(self.public(key)).verify_signature(body.decode(), encoded, timestamp)
        prefix = "x-twilio-email-event-webhook-"
        return {f"{prefix}signature": encoded, f"{prefix}timestamp": timestamp}, body

    def alter(self, told: Told) -> Told:
        return told[0], told[1].replace(b"timestamp", b"timestaap")


def sendgrid_event(told: str, **more: Any) -> dict[str, Any]:
    return {
        "event": told, "email": "ada@mail.test.dev", "timestamp": 1795773598, "sg_event_id": f"id-{told}",
        "sg_message_id": "sg1.filter-1.2.3", "message_id": "42", "campaign": "sale", "epoch": "e1", **more,
    }  # fmt: skip


def certificate(key: rsa.RSAPrivateKey, *, until: datetime = NOW + timedelta(days=365)) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
    made = x509.CertificateBuilder(
        name, name, key.public_key(), x509.random_serial_number(), NOW - timedelta(days=1), until
    )
    return made.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)


@dataclass
class SesSigner:
    """SNS, as AWS documents its signature; version 2 unless told otherwise."""

    name = "ses"
    signs_time = signs_body = True
    unreadable = WebhookRefused
    keys: list[rsa.RSAPrivateKey] = field(
        default_factory=lambda: [rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(2)]
    )
    fetched: list[str] = field(default_factory=list)
    visited: list[str] = field(default_factory=list)

    def fetch(self, address: str) -> bytes:
        self.fetched.append(address)
        return certificate(self.keys[int(address.removesuffix(".pem")[-1])])

    def visit(self, address: str) -> bytes:
        self.visited.append(address)
        return b""

    def reader(self, topic_arn: str = TOPIC) -> WebhookReader:
        return SesWebhooks(topic_arn=topic_arn, certificate=self.fetch, visit=self.visit)

    def reader_without_secret(self) -> WebhookReader:
        return self.reader("")

    reader_while_rotating = reader

    def event(self, kind: str = "delivery", filler: str = "") -> bytes:
        return orjson.dumps(ses_event({"delivery": "Delivery", "unknown": "Teleport"}[kind], filler=filler))

    def sign(self, body: bytes, at: datetime = NOW, *, key: int = 0, version: str = "2", **changed: Any) -> Told:
        if not _is_text(body):
            return {}, body
        message = {
            "Type": "Notification", "MessageId": "sns-1", "TopicArn": TOPIC, "Message": body.decode(),
            "Timestamp": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"), "SignatureVersion": version,
            "SigningCertURL": CERTIFICATES.format(key), **changed,
        }  # fmt: skip
        fields = ["Message", "MessageId", "Subject", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"]
        text = "".join(f"{name}\n{message[name]}\n" for name in fields if name in message)
        algorithm = hashes.SHA1() if version == "1" else hashes.SHA256()
        signature = self.keys[key].sign(text.encode(), padding.PKCS1v15(), algorithm)
        return {}, orjson.dumps({**message, "Signature": base64.b64encode(signature).decode()})

    def alter(self, told: Told) -> Told:
        return told[0], told[1].replace(b"Delivery", b"Deliverz")


def ses_event(told: str, **more: Any) -> dict[str, Any]:
    tags = {"message_id": ["42"], "epoch": ["e1"], "ses:configuration-set": ["engage"]}
    mail = {"timestamp": "2026-11-27T09:59:50.000Z", "messageId": "ses-1", "tags": tags}
    return {"eventType": told, "mail": mail, told.lower(): {"timestamp": "2026-11-27T09:59:58.126Z"}, **more}


@dataclass
class PostmarkSigner:
    """Postmark signs nothing: user and password come with each request."""

    name = "postmark"
    signs_time = signs_body = False
    unreadable = WebhookInvalid

    def reader(self) -> WebhookReader:
        return PostmarkWebhooks(user="engage", password="s3cret:ü")

    def reader_without_secret(self) -> WebhookReader:
        return PostmarkWebhooks(user="", password="")

    def reader_while_rotating(self) -> WebhookReader:
        return self.reader()

    def event(self, kind: str = "delivery", filler: str = "") -> bytes:
        return orjson.dumps(postmark_event({"delivery": "Delivery", "unknown": "Teleport"}[kind], filler=filler))

    def sign(self, body: bytes, at: datetime = NOW, *, key: int = 0) -> Told:
        password = ["s3cret:ü", "another"][key]
        encoded = base64.b64encode(f"engage:{password}".encode()).decode()
        return {"authorization": f"Basic {encoded}"}, body

    def alter(self, told: Told) -> Told:
        return {"authorization": told[0]["authorization"][:-4] + "AAAA"}, told[1]


def postmark_event(told: str, **more: Any) -> dict[str, Any]:
    at = "2026-11-27T09:59:58.1260000Z"
    times = {"DeliveredAt": at, "BouncedAt": at, "ReceivedAt": at, "ChangedAt": at}
    return {"RecordType": told, "MessageID": "pm-1", "Metadata": {"message_id": "42", "epoch": "e1"}, **times, **more}
