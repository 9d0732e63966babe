"""Mail templates and their versions; a version never changes."""

from sqlalchemy import BigInteger, Column, ForeignKey, Integer, Table, UniqueConstraint
from sqlalchemy.dialects.postgresql import ARRAY, TEXT

from engage_db.tables.columns import identity, metadata, one_of, text, timestamp

MESSAGE_CLASSES = ("marketing", "transactional")

message_templates = Table(
    "message_templates",
    metadata,
    identity("template_id"),
    text("key", unique=True),
    text("name"),
    text("channel", server_default="email"),
    text("message_class", server_default="marketing"),
    timestamp("created_at", nullable=False),
    text("created_by"),
    one_of("message_class", MESSAGE_CLASSES),
    schema="engage",
)

template_versions = Table(
    "template_versions",
    metadata,
    identity("template_version_id"),
    Column("template_id", BigInteger, ForeignKey(message_templates.c.template_id), nullable=False),
    Column("version", Integer, nullable=False),
    text("subject"),
    text("preheader", server_default=""),
    text("body_mjml"),
    text("body_html", comment="compiled from body_mjml once, tokens untouched"),
    text("body_text"),
    Column("tokens", ARRAY(TEXT), nullable=False),
    Column(
        "links",
        ARRAY(TEXT),
        nullable=False,
        server_default="{}",
        comment="the addresses that its HTML links to, tokens untouched; a click names one by its place, from 1",
    ),
    text("change_note", server_default="", comment="why it was changed, or which version it goes back to"),
    text("content_sha256"),
    timestamp("created_at", nullable=False),
    text("created_by"),
    UniqueConstraint("template_id", "version"),
    schema="engage",
)
