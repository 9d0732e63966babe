"""Settings of every process, from the environment or a `.env` file. Nothing else reads the environment."""

from __future__ import annotations

import secrets
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

PROJECT_ROOT = Path(__file__).resolve().parent.parent


class SettingsError(Exception):
    """A setting is missing or wrong; the message names the variable and how to mend it."""


def _postgres_url(value: str) -> str:
    if not value:
        return value
    parts = urlsplit(value)
    if parts.scheme.split("+")[0] not in {"postgres", "postgresql"}:
        raise ValueError("must look like postgresql://user:password@host:5432/database")
    if not parts.path.strip("/"):
        raise ValueError("names no database: end it with /database")
    return "postgresql://" + value.split("://", 1)[1]


def _http_url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        raise ValueError("must be an address such as https://engage.example.com")
    if any(character in value for character in "\"'<>& "):
        raise ValueError("cannot hold spaces, quotes, brackets or &")
    return value.rstrip("/")


def _sender(value: str) -> str:
    from email_validator import EmailNotValidError, validate_email  # noqa: PLC0415 - loaded only where a sender is set

    address = value.rsplit("<", 1)[-1].rstrip("> ")
    try:
        validate_email(address, check_deliverability=False, test_environment=True)
    except EmailNotValidError as error:
        raise ValueError(f"must be a mail address or 'Name <address>': {error}") from error
    if "\n" in value or "\r" in value:
        raise ValueError("must be one line")
    return value


def _time_zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ValueError("must be an IANA time zone such as Europe/Rome") from error
    return value


class Settings(BaseSettings):
    """Everything that differs between installations, with defaults that work on a laptop."""

    model_config = SettingsConfigDict(env_file=".env", extra="ignore", env_ignore_empty=True)

    engage_database_url: Annotated[str, AfterValidator(_postgres_url)] = ""
    crm_database_url: Annotated[str, AfterValidator(_postgres_url)] = ""
    dagster_database_url: Annotated[str, AfterValidator(_postgres_url)] = ""
    engage_home: Path = PROJECT_ROOT / ".engage"

    resend_api_key: SecretStr = SecretStr("")
    resend_api_url: Annotated[str, AfterValidator(_http_url)] = "https://api.resend.com"
    resend_requests_per_second: float = Field(default=2.0, gt=0)
    resend_webhook_secret: SecretStr = SecretStr("")
    ses_region: str = ""
    ses_access_key_id: SecretStr = SecretStr("")
    ses_secret_access_key: SecretStr = SecretStr("")
    ses_endpoint_url: str = ""
    ses_configuration_set: str = ""
    ses_requests_per_second: float = Field(default=14.0, gt=0)
    ses_sns_topic_arn: str = ""
    sendgrid_api_key: SecretStr = SecretStr("")
    sendgrid_api_url: Annotated[str, AfterValidator(_http_url)] = "https://api.sendgrid.com"
    sendgrid_webhook_public_key: str = ""
    postmark_server_token: SecretStr = SecretStr("")
    postmark_api_url: Annotated[str, AfterValidator(_http_url)] = "https://api.postmarkapp.com"
    postmark_message_stream: str = "broadcast"
    postmark_webhook_user: str = ""
    postmark_webhook_password: SecretStr = SecretStr("")
    smtp_url: SecretStr = SecretStr("")
    mail_from: Annotated[str, AfterValidator(_sender)] = "EqueEngage Demo <news@shop.example.com>"
    postal_address: str = Field(default="EqueEngage Demo Shop, Via Roma 1, 00184 Rome, Italy", min_length=5)
    public_url: Annotated[str, AfterValidator(_http_url)] = "http://127.0.0.1:8600"
    secret_key: SecretStr = SecretStr("")
    previous_secret_keys: SecretStr = SecretStr("")
    unsubscribe_mailto: str = ""
    sandbox_seed: int = 7

    workspace_name: str = Field(default="demo", pattern=r"^[a-z0-9][a-z0-9-]{0,40}$")
    workspace_time_zone: Annotated[str, AfterValidator(_time_zone)] = "Europe/Rome"

    delivery_processes: int = Field(default=1, ge=1, le=64)
    unknown_consent_counts: bool = False
    soft_bounces_before_suppression: int = Field(default=5, ge=1, le=20)
    soft_bounce_suppression_days: int = Field(default=30, ge=1)

    segment_size_guard: float = Field(default=10.0, ge=0)
    segment_size_guard_from: int = Field(default=20, ge=0)
    segment_sql_database_url: Annotated[str, AfterValidator(_postgres_url)] = ""
    segment_sql_timeout_seconds: float = Field(default=60, gt=0)
    segment_sql_row_limit: int = Field(default=5_000_000, ge=1)
    segment_function_timeout_seconds: float = Field(default=60, gt=0)
    segment_function_megabytes: int = Field(default=2048, ge=64)
    api_key: SecretStr = SecretStr("")

    dagster_port: int = Field(default=3000, ge=1, le=65535)
    streamlit_port: int = Field(default=8501, ge=1, le=65535)
    api_port: int = Field(default=8600, ge=1, le=65535)

    engage_pause_at: str = ""
    crm_statement_timeout_seconds: int = Field(default=1800, ge=1)

    @property
    def mail_providers(self) -> list[str]:
        """The providers of mail that have a key, in the order they are tried by default; the sandbox only without any."""
        keys = {
            "resend": self.resend_api_key.get_secret_value(),
            "ses": self.ses_region,
            "sendgrid": self.sendgrid_api_key.get_secret_value(),
            "postmark": self.postmark_server_token.get_secret_value(),
            "smtp": self.smtp_url.get_secret_value(),
        }
        return [name for name, key in keys.items() if key] or ["sandbox"]

    @property
    def mail_provider(self) -> str:
        """The provider that mails leave through by default."""
        return self.mail_providers[0]

    def signing_secrets(self) -> list[str]:
        """What signs links, first; and the older keys that are still believed."""
        older = self.previous_secret_keys.get_secret_value().split(",")
        return [self.signing_secret(), *(key.strip() for key in older if key.strip())]

    def signing_secret(self) -> str:
        """SECRET_KEY, or one made once and kept in the home folder. Several machines need the same SECRET_KEY."""
        given = self.secret_key.get_secret_value()
        if given:
            return given
        kept = self.engage_home / "secret_key"
        if not kept.exists():
            self.engage_home.mkdir(parents=True, exist_ok=True)
            with suppress(FileExistsError), kept.open("x") as file:
                kept.chmod(0o600)
                file.write(secrets.token_urlsafe(32))
        return kept.read_text()

    @property
    def uses_embedded_cluster(self) -> bool:
        """Whether any database is left to the embedded cluster."""
        return not (self.engage_database_url and self.crm_database_url and self.dagster_database_url)


@cache
def load_settings() -> Settings:
    """The settings of this process, read once.

    Raises SettingsError naming every wrong variable.
    """
    try:
        return Settings()
    except ValidationError as error:
        problems = "\n".join(
            f"  {'.'.join(str(part) for part in problem['loc']).upper()}: {problem['msg'].removeprefix('Value error, ')}"
            for problem in error.errors(include_input=False)
        )
        raise SettingsError(f"These settings are wrong (environment or .env file):\n{problems}") from None
