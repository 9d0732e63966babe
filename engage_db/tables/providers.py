"""The providers of channels: which there are and in what order, how they fare, and how fast they may be asked."""

from sqlalchemy import BigInteger, Boolean, Column, Date, Float, Integer, Table
from sqlalchemy import text as sql

from engage_db.tables.columns import metadata, one_of, text, timestamp

BREAKER_STATES = ("closed", "open", "half_open")
UNKNOWN_POLICIES = ("treat_as_sent", "send_again", "ask")

channel_providers = Table(
    "channel_providers",
    metadata,
    text("provider", primary_key=True),
    text("channel", server_default="email"),
    Column("priority", Integer, nullable=False, server_default="50", comment="the highest that is well is used"),
    Column("is_active", Boolean, nullable=False, server_default=sql("true")),
    Column("requests_per_second", Float, comment="empty: as the channel's own limits say"),
    Column("daily_limit", BigInteger, comment="messages a day, UTC"),
    text("unknown_policy", server_default="treat_as_sent", comment="of messages whose fate nobody told within 48 h"),
    timestamp("updated_at", nullable=False),
    text("updated_by"),
    one_of("unknown_policy", UNKNOWN_POLICIES),
    schema="engage",
)

provider_health = Table(
    "provider_health",
    metadata,
    text("provider", primary_key=True),
    text("state", server_default="closed"),
    timestamp("since", nullable=False),
    timestamp("open_until"),
    text("reason", nullable=True, comment="why the breaker opened, in the provider's words"),
    timestamp("window_began_at", nullable=False),
    Column("good", Integer, nullable=False, server_default="0", comment="answers in the window"),
    Column("bad", Integer, nullable=False, server_default="0"),
    timestamp("last_good_at"),
    timestamp("last_bad_at"),
    text("last_problem", nullable=True),
    one_of("state", BREAKER_STATES),
    schema="engage",
)

send_quotas = Table(
    "send_quotas",
    metadata,
    text("quota", primary_key=True, comment="campaign/12: messages; provider/resend: requests"),
    Column("rate", Float, comment="tokens a second; empty: no limit"),
    Column("burst", Float, nullable=False, server_default="1", comment="the most that may wait unused"),
    Column("tokens", Float, nullable=False),
    timestamp("refilled_at", nullable=False),
    timestamp("held_until", comment="nothing leaves before: the provider asked for a break"),
    Column("daily_limit", BigInteger),
    Column("day", Date, comment="the day that used_today counts, UTC"),
    Column("used_today", BigInteger, nullable=False, server_default="0"),
    schema="engage",
)

service_heartbeats = Table(
    "service_heartbeats",
    metadata,
    text("service", primary_key=True, comment="worker, api"),
    text("host", primary_key=True),
    Column("pid", Integer, nullable=False),
    timestamp("started_at", nullable=False),
    timestamp("beat_at", nullable=False),
    schema="engage",
)
