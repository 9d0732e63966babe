"""The channels that the settings allow."""

from __future__ import annotations

from activation.channels.contract import Channel
from activation.channels.email.resend import Resend
from activation.channels.email.sandbox import Sandbox


def mail_channels(*, resend_api_key: str, resend_api_url: str, resend_requests_per_second: float) -> dict[str, Channel]:
    """Mail channels by name: the sandbox always, Resend with a key."""
    channels: dict[str, Channel] = {"sandbox": Sandbox()}
    if resend_api_key:
        channels["resend"] = Resend(
            api_key=resend_api_key, api_url=resend_api_url, requests_per_second=resend_requests_per_second
        )
    return channels
