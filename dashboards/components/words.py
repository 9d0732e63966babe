"""Numbers, times and names as people read them."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pandas as pd

from engage_db.settings import load_settings

SYMBOLS = {"EUR": "€", "USD": "$", "GBP": "£"}

STATE_COLOURS = {
    "draft": "gray", "scheduled": "blue", "preparing": "blue", "sending": "violet", "paused": "orange", "finished": "green",
    "cancelled": "gray", "missed": "red", "stopped_by_guard": "red",
}  # fmt: skip

EVENTS = {  # name -> icon, words
    "order_created": ("shopping_cart", "Placed an order"),
    "order_paid": ("payments", "Paid an order"),
    "call_logged": ("call", "Talked on the telephone"),
    "whatsapp_sent": ("chat", "Got a WhatsApp message"),
    "whatsapp_received": ("forum", "Wrote on WhatsApp"),
    "deal_stage_changed": ("handshake", "Deal moved"),
    "email_sent": ("send", "Was sent a mail"),
    "email_delivered": ("mark_email_read", "Mail was delivered"),
    "email_opened": ("drafts", "Opened a mail"),
    "email_clicked": ("ads_click", "Clicked in a mail"),
    "email_bounced": ("unsubscribe", "Mail bounced"),
    "email_complained": ("report", "Reported a mail as spam"),
    "email_unsubscribed": ("unsubscribe", "Unsubscribed"),
}

REASONS = {
    "no_consent": "no opt-in for mail", "suppressed": "bounced, complained or unsubscribed before", "no_address": "no mail address",
    "invalid_address": "the address cannot be written to", "duplicate_address": "somebody else with the same address gets it",
    "render_error": "the template does not fit this contact", "unsubscribed_topic": "left this topic",
    "frequency_cap": "had as many mails as the cap allows", "quiet_hours_expired": "quiet hours lasted past the deadline",
    "holdout": "held out, to measure what the campaign brings", "excluded_segment": "in an excluded segment",
    "outside_window": "no hour of the send window before the deadline",
}  # fmt: skip

MESSAGE_STATES = {  # in the order of their life -> colour
    "queued": "blue", "claimed": "violet", "sent": "green", "delivered": "green", "bounced": "orange", "skipped": "gray",
    "cancelled": "gray", "failed": "red", "unknown": "orange", "dead": "red",
}  # fmt: skip

SUPPRESSIONS = {
    "hard_bounce": "the address does not exist", "complaint": "reported a mail as spam", "unsubscribed_all": "left everything",
    "unsubscribed_topic": "left a topic", "soft_bounce_run": "bounced several times in a row", "manual": "added by a person",
    "erased": "asked to be erased", "invalid_address": "no mail address", "provider_suppressed": "on the provider's own list",
}  # fmt: skip


def zone() -> ZoneInfo:
    """The workspace's zone: what every time on a screen is shown in."""
    return ZoneInfo(load_settings().workspace_time_zone)


def money(amount: object, currency: str | None) -> str:
    """An amount: €1,240."""
    value = float(amount) if amount is not None and not pd.isna(amount) else 0.0  # type: ignore[arg-type, call-overload]
    return f"{SYMBOLS.get(currency or '', (currency or '') + ' ')}{value:,.0f}"


def share(part: float, whole: float) -> str:
    """42.1 %, or a dash when the whole is nothing."""
    return f"{100 * part / whole:.1f} %" if whole else "–"


def fine_share(part: float, whole: float) -> str:
    """0.08 %: where a tenth of a per cent matters."""
    return f"{100 * part / whole:.2f} %" if whole else "–"


def now() -> datetime:
    """The moment of asking, to compare times of the database with."""
    return datetime.now(UTC)


def local(moment: object) -> str:
    """21 Nov 2026, 09:15 in the workspace's zone."""
    if moment is None or pd.isna(moment):  # type: ignore[call-overload]
        return "–"
    return f"{pd.Timestamp(moment).astimezone(zone()):%-d %b %Y, %H:%M}"  # type: ignore[arg-type]


def ago(moment: object) -> str:
    """'3 min ago'."""
    if moment is None or pd.isna(moment):  # type: ignore[call-overload]
        return "never"
    seconds = (now() - pd.Timestamp(moment)).total_seconds()  # type: ignore[arg-type]
    for size, unit in ((86_400 * 365, "y"), (86_400 * 30, "mo"), (86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit} ago"
    return "just now"


def lasting(seconds: float) -> str:
    """'about 2 h 5 min'."""
    minutes = round(seconds / 60)
    if minutes < 1:
        return "less than a minute"
    hours, rest = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = [(days, "d"), (hours, "h"), (rest, "min")]
    return "about " + " ".join(f"{number} {unit}" for number, unit in [part for part in parts if part[0]][:2])


def because(reason: str | None) -> str:
    """Why a message did not leave, in words; a provider's own words as they are."""
    return REASONS.get(reason or "", plain(reason or "no reason given"))


def masked(address: object) -> str:
    """An address as a•••@example.com."""
    if not isinstance(address, str):
        return "–"
    name, _, domain = address.partition("@")
    return f"{name[:1]}•••@{domain}"


def contact_links(rows: pd.DataFrame) -> list[str]:
    """Links to the people of the rows, shown by their name."""
    return [
        f"/contacts?contact={number}#{name if isinstance(name, str) else f'No. {number}'}"
        for number, name in zip(rows["contact_id"], rows["full_name"], strict=True)
    ]


def badge(state: str) -> str:
    """A state as a coloured word."""
    return f":{STATE_COLOURS.get(state, 'gray')}-badge[{state.replace('_', ' ')}]"


def local_columns(rows: pd.DataFrame, *columns: str) -> pd.DataFrame:
    """The same rows with times in the workspace's zone."""
    shown = rows.copy()
    for column in columns:
        shown[column] = pd.to_datetime(shown[column], utc=True).dt.tz_convert(zone())
    return shown


def plain(text: str) -> str:
    """Values of people's data are shown as they are, never as markup."""
    return "".join(f"\\{character}" if character in "\\`*_{}[]<>()#+-!|$~:" else character for character in text)
