"""Which channels and readers there are, by the settings."""

from __future__ import annotations

from pydantic import SecretStr

from activation.channels.registry import mail_channels, missing_variables, webhook_readers
from engage_db.settings import Settings
from tests.support.provider_settings import LocalSettings

KEY = SecretStr("key")


def test_without_keys_there_is_the_sandbox_alone():
    assert list(mail_channels(LocalSettings())) == ["sandbox"]
    assert webhook_readers(LocalSettings()) == {}


def test_every_provider_with_a_key_is_there():
    settings = LocalSettings(
        resend_api_key=KEY, ses_region="eu-west-1", sendgrid_api_key=KEY, postmark_server_token=KEY,
        smtp_url=SecretStr("smtp://127.0.0.1"),
    )  # fmt: skip

    channels = mail_channels(settings)

    assert list(channels) == ["resend", "ses", "sendgrid", "postmark", "smtp", "sandbox"]
    assert {name: channel.name for name, channel in channels.items()} == {name: name for name in channels}
    assert list(webhook_readers(settings)) == ["resend", "ses", "sendgrid", "postmark"]


def test_a_provider_left_behind_is_still_heard():
    assert list(webhook_readers(LocalSettings(resend_webhook_secret=KEY))) == ["resend"]


def test_what_is_missing_is_named_as_in_the_environment():
    missing = missing_variables(LocalSettings(postmark_webhook_user="u"))

    assert missing["resend"] == (["RESEND_API_KEY"], ["RESEND_WEBHOOK_SECRET"])
    assert missing["postmark"] == (["POSTMARK_SERVER_TOKEN"], ["POSTMARK_WEBHOOK_PASSWORD"])
    assert missing["sandbox"] == ([], [])


def test_the_settings_of_an_installation_fit(settings_for):
    assert list(mail_channels(Settings(_env_file=None, smtp_url=SecretStr("smtp://127.0.0.1")))) == ["smtp", "sandbox"]
