"""A delivery as the settings have it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from activation.channels.registry import mail_channels
from activation.delivery.compose import composer_from
from activation.delivery.send import Delivery
from engage_db.connection import database_url
from engage_db.settings import Settings


def delivery_from(settings: Settings, clock: Callable[[], datetime], **options: Any) -> Delivery:
    """A delivery through the channels that have a key; `options` are fields of Delivery."""
    return Delivery(
        engage_url=database_url("engage", settings),
        channels=mail_channels(settings),
        composer=composer_from(settings),
        clock=clock,
        home=settings.engage_home,
        time_zone=settings.workspace_time_zone,
        unknown_consent_counts=settings.unknown_consent_counts,
        **options,
    )
