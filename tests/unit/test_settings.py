"""Settings: defaults work, and what is wrong is named."""

from __future__ import annotations

import pytest

from engage_db.settings import SettingsError, load_settings


@pytest.fixture(autouse=True)
def _no_env_file(settings_for, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_nothing_set_means_a_sandbox_on_an_embedded_cluster():
    settings = load_settings()

    assert settings.mail_provider == "sandbox"
    assert settings.uses_embedded_cluster


def test_a_key_switches_to_resend_and_is_never_shown(settings_for):
    settings_for.setenv("RESEND_API_KEY", "re_secret")

    assert load_settings().mail_provider == "resend"
    assert "re_secret" not in repr(load_settings())


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("ENGAGE_DATABASE_URL", "mysql://x/y", "must look like postgresql://"),
        ("CRM_DATABASE_URL", "postgresql://localhost:5432", "names no database"),
        ("MAIL_FROM", "nobody", "must be a mail address"),
        ("PUBLIC_URL", "engage", "must be an address such as https://"),
        ("WORKSPACE_TIME_ZONE", "Mars/Base", "IANA time zone"),
        ("DAGSTER_PORT", "99999", "less than or equal to 65535"),
    ],
)
def test_a_wrong_value_is_named_with_what_it_must_be(settings_for, name, value, words):
    settings_for.setenv(name, value)

    with pytest.raises(SettingsError, match=f"{name}: .*{words}"):
        load_settings()


def test_the_signing_secret_is_made_once_and_kept():
    first = load_settings().signing_secret()

    assert len(first) > 30
    assert load_settings().signing_secret() == first
