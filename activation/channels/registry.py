"""The channels and webhook readers that the settings allow.

Each provider's module is imported when it is wanted: a worker that sends through one waits for no other's libraries.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Protocol

from pydantic import SecretStr

from activation.channels.contract import Channel, StatusReader, WebhookReader

# what each provider cannot do without: to send, and to be believed when it tells of a mail
SENDING = {
    "resend": ("resend_api_key",),
    "ses": ("ses_region",),
    "sendgrid": ("sendgrid_api_key",),
    "postmark": ("postmark_server_token",),
    "smtp": ("smtp_url",),
    "sandbox": (),
}
LISTENING = {
    "resend": ("resend_webhook_secret",),
    "ses": ("ses_sns_topic_arn",),
    "sendgrid": ("sendgrid_webhook_public_key",),
    "postmark": ("postmark_webhook_user", "postmark_webhook_password"),
}


class ProviderSettings(Protocol):
    """What is read of the settings."""

    resend_api_key: SecretStr
    resend_api_url: str
    resend_requests_per_second: float
    resend_webhook_secret: SecretStr
    ses_region: str
    ses_access_key_id: SecretStr
    ses_secret_access_key: SecretStr
    ses_endpoint_url: str
    ses_configuration_set: str
    ses_requests_per_second: float
    ses_sns_topic_arn: str
    sendgrid_api_key: SecretStr
    sendgrid_api_url: str
    sendgrid_webhook_public_key: str
    postmark_server_token: SecretStr
    postmark_api_url: str
    postmark_message_stream: str
    postmark_webhook_user: str
    postmark_webhook_password: SecretStr
    smtp_url: SecretStr


def mail_channels(settings: ProviderSettings) -> dict[str, Channel]:
    """Mail channels by name: the sandbox always, the others as far as they have a key."""
    made = {
        "resend": _resend, "ses": _ses, "sendgrid": _sendgrid, "postmark": _postmark, "smtp": _smtp, "sandbox": _sandbox,
    }  # fmt: skip
    return {name: make(settings) for name, make in made.items() if not missing(settings, SENDING[name])}


def webhook_readers(settings: ProviderSettings) -> dict[str, WebhookReader]:
    """Webhook readers by provider: of each that can send, or has what verifies it. One without refuses every request."""
    made = {
        "resend": _resend_webhooks, "ses": _ses_webhooks, "sendgrid": _sendgrid_webhooks, "postmark": _postmark_webhooks,
    }  # fmt: skip
    return {
        name: make(settings)
        for name, make in made.items()
        if not missing(settings, SENDING[name]) or not missing(settings, LISTENING[name])
    }


def status_readers(settings: ProviderSettings) -> dict[str, StatusReader]:
    """By provider: what can be asked later what became of a mail, of those that have a key."""
    if missing(settings, SENDING["resend"]):
        return {}
    from activation.channels.email.resend_repair import ResendStatus

    return {
        "resend": ResendStatus(
            api_key=_plain(settings.resend_api_key),
            api_url=settings.resend_api_url,
            requests_per_second=settings.resend_requests_per_second,
        )
    }


def missing_variables(settings: ProviderSettings) -> dict[str, tuple[list[str], list[str]]]:
    """Of every provider the environment variables that it misses to send, and to be believed about its mails."""
    return {
        name: (missing(settings, sending), missing(settings, LISTENING.get(name, ())))
        for name, sending in SENDING.items()
    }


def missing(settings: ProviderSettings, names: tuple[str, ...]) -> list[str]:
    """The environment variables of these settings that are empty."""
    return [name.upper() for name in names if not _plain(getattr(settings, name))]


def _resend(settings: ProviderSettings) -> Channel:
    from activation.channels.email.resend import Resend

    return Resend(
        api_key=_plain(settings.resend_api_key),
        api_url=settings.resend_api_url,
        requests_per_second=settings.resend_requests_per_second,
    )


def _ses(settings: ProviderSettings) -> Channel:
    from activation.channels.email.ses import Ses

    return Ses(
        region=settings.ses_region,
        access_key_id=_plain(settings.ses_access_key_id),
        secret_access_key=_plain(settings.ses_secret_access_key),
        endpoint_url=settings.ses_endpoint_url,
        configuration_set=settings.ses_configuration_set,
        requests_per_second=settings.ses_requests_per_second,
    )


def _sendgrid(settings: ProviderSettings) -> Channel:
    from activation.channels.email.sendgrid import SendGrid

    return SendGrid(api_key=_plain(settings.sendgrid_api_key), api_url=settings.sendgrid_api_url)


def _postmark(settings: ProviderSettings) -> Channel:
    from activation.channels.email.postmark import Postmark

    return Postmark(
        server_token=_plain(settings.postmark_server_token),
        api_url=settings.postmark_api_url,
        message_stream=settings.postmark_message_stream,
    )


def _smtp(settings: ProviderSettings) -> Channel:
    from activation.channels.email.smtp import Smtp

    return Smtp(url=_plain(settings.smtp_url), clock=lambda: datetime.now(UTC))


def _sandbox(_settings: ProviderSettings) -> Channel:
    from activation.channels.email.sandbox import Sandbox

    return Sandbox()


def _resend_webhooks(settings: ProviderSettings) -> WebhookReader:
    from activation.channels.email.resend import ResendWebhooks

    return ResendWebhooks(_several(settings.resend_webhook_secret.get_secret_value()))


def _ses_webhooks(settings: ProviderSettings) -> WebhookReader:
    from activation.channels.email import sns
    from activation.channels.email.ses import SesWebhooks

    return SesWebhooks(topic_arn=settings.ses_sns_topic_arn, certificate=sns.remembered(sns.fetch), visit=sns.fetch)


def _sendgrid_webhooks(settings: ProviderSettings) -> WebhookReader:
    from activation.channels.email.sendgrid import SendGridWebhooks

    return SendGridWebhooks(_several(settings.sendgrid_webhook_public_key))


def _postmark_webhooks(settings: ProviderSettings) -> WebhookReader:
    from activation.channels.email.postmark import PostmarkWebhooks

    return PostmarkWebhooks(
        user=settings.postmark_webhook_user, password=settings.postmark_webhook_password.get_secret_value()
    )


def _plain(value: str | SecretStr) -> str:
    return value.get_secret_value() if isinstance(value, SecretStr) else value


def _several(written: str) -> list[str]:
    """A secret, or several separated by commas while one is being replaced by the next."""
    return [part.strip() for part in written.split(",") if part.strip()]
