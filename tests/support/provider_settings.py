"""The settings of providers without an environment: nothing is set but what a test sets."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import SecretStr

NONE = SecretStr("")


@dataclass
class LocalSettings:
    """What `mail_channels` and `webhook_readers` read."""

    resend_api_key: SecretStr = NONE
    resend_api_url: str = "https://api.resend.com"
    resend_requests_per_second: float = 1000
    resend_webhook_secret: SecretStr = NONE
    ses_region: str = ""
    ses_access_key_id: SecretStr = NONE
    ses_secret_access_key: SecretStr = NONE
    ses_endpoint_url: str = ""
    ses_configuration_set: str = ""
    ses_requests_per_second: float = 1000
    ses_sns_topic_arn: str = ""
    sendgrid_api_key: SecretStr = NONE
    sendgrid_api_url: str = "https://api.sendgrid.com"
    sendgrid_webhook_public_key: str = ""
    postmark_server_token: SecretStr = NONE
    postmark_api_url: str = "https://api.postmarkapp.com"
    postmark_message_stream: str = "broadcast"
    postmark_webhook_user: str = ""
    postmark_webhook_password: SecretStr = NONE
    smtp_url: SecretStr = NONE


def resend_at(url: str, *, api_key: str = "re_test") -> LocalSettings:
    """Settings of an installation that sends through a local Resend."""
    return LocalSettings(resend_api_key=SecretStr(api_key), resend_api_url=url)
