"""Amazon SES v2 (https://docs.aws.amazon.com/ses/latest/APIReference-V2): one mail a request, no idempotency keys.

So a lost answer is never asked for again: boto3's own retries are off. Events come through SNS from the configuration set.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from threading import Lock
from typing import Any

import orjson

from activation.channels.contract import (
    Accepted,
    Answer,
    Bounce,
    Cause,
    ContentRefused,
    Limits,
    Mail,
    NotProcessed,
    Outcome,
    OutcomeUnknown,
    WebhookRefused,
)
from activation.channels.email.bounces import bounce_of
from activation.channels.email.headers import ascii_domain, mailbox, one_line
from activation.channels.email.payloads import assert_fresh, inside, json_of, object_of, our_id, text, time_of
from activation.channels.email.sns import Fetch, assert_of_sns, verify
from activation.channels.http import REFUSED_KEY
from activation.channels.threads import NeverBegan, Threads
from activation.channels.words import fit

CONFIGURATION_ERRORS = {
    "AccountSuspendedException", "SendingPausedException", "MailFromDomainNotVerifiedException", "NotFoundException",
    "AccessDeniedException", "UnrecognizedClientException", "InvalidClientTokenId", "SignatureDoesNotMatch",
    "InvalidSignatureException", "ExpiredTokenException", "MissingAuthenticationToken", "OptInRequired",
}  # fmt: skip
RATE_ERRORS = {"TooManyRequestsException", "ThrottlingException", "Throttling", "LimitExceededException"}
QUOTA_WORDS = ("daily message quota", "daily sending quota", "sending quota exceeded")
NOT_VERIFIED = "not verified"  # a sender, or in SES's own sandbox any address: wrong for every mail alike
CONNECT_SECONDS = 8.0
CALLS_AT_ONCE = 50  # threads, with a connection each
CONTENT_STATUSES = {400, 413, 422}

# SNS repeats a notification for an hour under its first timestamp
PAST, FUTURE = timedelta(minutes=65), timedelta(minutes=5)

# https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-contents.html
TYPES = {
    "Send": "sent",
    "Delivery": "delivered",
    "DeliveryDelay": "deferred",
    "Bounce": "bounced",
    "Reject": "rejected",
    "Rendering Failure": "rejected",
    "Complaint": "complained",
    "Open": "opened",
    "Click": "clicked",
}
DETAILS = {"DeliveryDelay": "deliveryDelay", "Rendering Failure": "failure"}  # where not the type in lower case
BOUNCES: dict[str, Bounce] = {
    "Permanent": "hard",
    "Transient": "soft",
    "Undetermined": "soft",
    "Transient/MessageTooLarge": "uncounted",
    "Transient/ContentRejected": "uncounted",
    "Transient/AttachmentRejected": "uncounted",
}


class Ses:
    """SES through boto3, whose client is made at the first mail and asked in threads."""

    name = "ses"
    channel = "email"

    def __init__(
        self,
        *,
        region: str,
        access_key_id: str = "",
        secret_access_key: str = "",
        endpoint_url: str = "",
        configuration_set: str = "",
        requests_per_second: float = 14.0,
        timeout_seconds: float = 20.0,
    ) -> None:
        self.limits = Limits(batch_size=1, key_seconds=0, requests_per_second=requests_per_second)
        self._account = {
            "region_name": region,
            "aws_access_key_id": access_key_id or None,  # None: as AWS's own chain finds them, such as a machine's role
            "aws_secret_access_key": secret_access_key or None,
        }
        self._endpoint_url = endpoint_url or None
        self._configuration_set = configuration_set
        self._timeout = timeout_seconds
        self._client: Any = None
        self._making = Lock()
        self._threads = Threads(CALLS_AT_ONCE)

    def encode(self, mails: Sequence[Mail]) -> bytes:
        one_line(mails)
        (mail,) = mails
        return orjson.dumps(self._as_json(mail))

    async def send(self, body: bytes, *, size: int, idempotency_key: str) -> Answer:  # noqa: ARG002 - the contract
        seconds = self._timeout + CONNECT_SECONDS  # boto3's own limits are of each read
        try:
            return await self._threads.call(self._send, orjson.loads(body), seconds=seconds)
        except NeverBegan:
            return NotProcessed(Cause.UNREACHABLE, "every connection to SES waits for an answer")
        except TimeoutError:
            return OutcomeUnknown("no answer from SES in time")

    async def close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await asyncio.to_thread(client.close)

    def _as_json(self, mail: Mail) -> dict[str, Any]:
        content = {
            "Subject": _utf8(mail.subject),
            "Body": {"Text": _utf8(mail.text), "Html": _utf8(mail.html)},
            "Headers": [{"Name": name, "Value": value} for name, value in mail.headers.items()],
        }
        request = {
            "FromEmailAddress": mailbox(mail.sender),
            "Destination": {"ToAddresses": [ascii_domain(mail.to)]},
            "Content": {"Simple": content},
            "EmailTags": [{"Name": name, "Value": value} for name, value in mail.tags.items()],
        }
        return request | ({"ConfigurationSetName": self._configuration_set} if self._configuration_set else {})

    def _send(self, request: dict[str, Any]) -> Answer:
        from botocore import exceptions as aws  # noqa: PLC0415 - boto3 takes half a second to import
        from urllib3.exceptions import HTTPError  # noqa: PLC0415

        try:
            answer = self._connected().send_email(**request)
        except aws.ClientError as error:
            return read_error(error.response)
        except (aws.EndpointConnectionError, aws.ConnectTimeoutError, aws.ProxyConnectionError) as error:
            return NotProcessed(Cause.UNREACHABLE, f"cannot connect to SES: {type(error).__name__}")
        except (aws.NoCredentialsError, aws.PartialCredentialsError, aws.NoRegionError) as error:
            return NotProcessed(Cause.CONFIGURATION, f"SES: {fit(error)}")
        except aws.ParamValidationError as error:  # found by boto3 itself, before any request
            return ContentRefused(f"SES: {fit(error)}", 0)
        except (aws.BotoCoreError, HTTPError, OSError, ValueError) as error:
            return OutcomeUnknown(f"no answer from SES: {type(error).__name__}")
        accepted = answer.get("MessageId")
        return Accepted([accepted]) if accepted else OutcomeUnknown("SES answered without an id")

    def _connected(self) -> Any:
        import boto3  # noqa: PLC0415
        from botocore.config import Config  # noqa: PLC0415

        with self._making:
            if self._client is None:
                config = Config(
                    retries={"total_max_attempts": 1, "mode": "standard"},
                    connect_timeout=min(CONNECT_SECONDS, self._timeout),
                    read_timeout=self._timeout,
                    max_pool_connections=CALLS_AT_ONCE,
                )
                session = boto3.session.Session(**self._account)
                self._client = session.client("sesv2", endpoint_url=self._endpoint_url, config=config)
            return self._client


def read_error(response: Mapping[str, Any]) -> Answer:
    """What an error of SES means for its one mail."""
    error, metadata = inside(response, "Error"), inside(response, "ResponseMetadata")
    code, message = str(error.get("Code")), str(error.get("Message") or "")
    status = metadata.get("HTTPStatusCode")
    words = f"SES {status} {code}: {fit(message)}"
    if code in RATE_ERRORS or status == 429:  # noqa: PLR2004
        is_quota = any(phrase in message.lower() for phrase in QUOTA_WORDS)
        return NotProcessed(Cause.QUOTA if is_quota else Cause.RATE, words, _retry_after(metadata))
    if code in CONFIGURATION_ERRORS or status in REFUSED_KEY or NOT_VERIFIED in message.lower():
        return NotProcessed(Cause.CONFIGURATION, words)
    if status in CONTENT_STATUSES and code.isalpha():  # a page of somebody between has no code of SES
        return ContentRefused(words, 0)
    return OutcomeUnknown(words)


def _retry_after(metadata: Mapping[str, Any]) -> float | None:
    written = str(inside(metadata, "HTTPHeaders").get("retry-after") or "")
    return float(written) if written.isascii() and written.isdecimal() else None


def _utf8(value: str) -> dict[str, str]:
    return {"Data": value, "Charset": "UTF-8"}


class SesWebhooks:
    """Believes what SNS signed for our topic; confirms the subscription of that topic by itself.

    `certificate` gives what stands at an address (remembered), `visit` opens one: both only ever of SNS. A failure of either
    is raised as OSError, for an answer that makes SNS try again.
    """

    asks_network = True

    def __init__(self, *, topic_arn: str, certificate: Fetch, visit: Fetch) -> None:
        self._topic_arn = topic_arn
        self._certificate = certificate
        self._visit = visit

    def read_webhook(self, headers: Mapping[str, str], body: bytes, *, now: datetime) -> list[Outcome]:  # noqa: ARG002
        if not self._topic_arn:
            raise WebhookRefused("SES_SNS_TOPIC_ARN is not set")
        message = _unsigned(body)
        if message.get("TopicArn") != self._topic_arn:
            raise WebhookRefused("the message is of another topic")
        verify(message, self._certificate, now=now)
        sent_at = time_of(message.get("Timestamp"), default=now - 2 * PAST)
        assert_fresh(sent_at, now, past=PAST, future=FUTURE)
        if message["Type"] == "SubscriptionConfirmation":
            address = str(message.get("SubscribeURL"))
            assert_of_sns(address)
            self._visit(address)
            return []
        return [_outcome(message, sent_at)]


def _unsigned(body: bytes) -> dict[str, Any]:
    """The message before anything is known of its sender: whatever cannot be read is refused, not invalid."""
    try:
        return object_of(orjson.loads(body))
    except (orjson.JSONDecodeError, ValueError):
        raise WebhookRefused("the body is no message of SNS") from None


def _outcome(message: Mapping[str, Any], sent_at: datetime) -> Outcome:
    event_id = str(message.get("MessageId"))
    if message["Type"] != "Notification":
        return Outcome(str(message["Type"]), event_id, sent_at, payload=message)
    event = object_of(json_of(str(message.get("Message"))))
    told = text(event.get("eventType")) or text(event.get("notificationType")) or "Notification"
    detail = inside(event, DETAILS.get(told, told.lower()))
    words = _words(detail)
    return Outcome(
        type=_type(told, detail),
        event_id=event_id,
        occurred_at=time_of(detail.get("timestamp") or inside(event, "mail").get("timestamp"), default=sent_at),
        message_id=our_id(_first(inside(event, "mail", "tags").get("message_id"))),
        epoch=text(_first(inside(event, "mail", "tags").get("epoch"))),
        provider_message_id=text(inside(event, "mail").get("messageId")),
        bounce=_bounce(words, detail) if told == "Bounce" else None,
        words=words or None,
        link=text(detail.get("link")),
        agent=text(detail.get("userAgent")),
        ip=text(detail.get("ipAddress")),
        payload=event,
    )


def _type(told: str, detail: Mapping[str, Any]) -> str:
    if told == "Subscription" and inside(detail, "newTopicPreferences").get("unsubscribeAll") is True:
        return "unsubscribed"
    return TYPES.get(told, told)


def _words(detail: Mapping[str, Any]) -> str:
    person = _first(detail.get("bouncedRecipients")) or _first(detail.get("delayedRecipients"))
    told = inside(person)
    reason = detail.get("reason") or detail.get("errorMessage") or detail.get("complaintFeedbackType")
    return fit(" ".join(str(part) for part in (told.get("status"), told.get("diagnosticCode") or reason) if part))


def _bounce(words: str, detail: Mapping[str, Any]) -> Bounce:
    kind, exact = str(detail.get("bounceType")), f"{detail.get('bounceType')}/{detail.get('bounceSubType')}"
    return bounce_of(words, exact if exact in BOUNCES else kind, BOUNCES)


def _first(value: Any) -> Any:
    return value[0] if isinstance(value, list) and value else None
