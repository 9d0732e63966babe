"""The channels that the settings allow."""

from __future__ import annotations

from typing import Protocol

from activation.channels.contract import Channel, WebhookReader
from activation.channels.email.resend import Resend
from activation.channels.email.resend_webhooks import ResendWebhooks
from activation.channels.email.sandbox import Sandbox


def mail_channels(*, resend_api_key: str, resend_api_url: str, resend_requests_per_second: float) -> dict[str, Channel]:
    """Mail channels by name: the sandbox always, Resend with a key."""
    channels: dict[str, Channel] = {"sandbox": Sandbox()}
    if resend_api_key:
        channels["resend"] = Resend(
            api_key=resend_api_key, api_url=resend_api_url, requests_per_second=resend_requests_per_second
        )
    return channels


class Secret(Protocol):
    """A setting that is not shown by accident."""

    def get_secret_value(self) -> str:
        """The secret itself."""


class WebhookSettings(Protocol):
    """The settings that verify webhooks."""

    @property
    def resend_webhook_secret(self) -> Secret:
        """Of Resend's endpoint; while it is rotated several, with commas between."""


def webhook_readers(settings: WebhookSettings) -> dict[str, WebhookReader]:
    """The readers of webhooks by name of the provider."""
    return {"resend": ResendWebhooks(settings.resend_webhook_secret.get_secret_value().split(","))}
