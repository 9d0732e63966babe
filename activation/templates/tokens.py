"""The tokens that a template may use, and which of them it does."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from jinja2 import meta
from psycopg import sql

from activation.templates.sandbox import HTML, TEXT


@dataclass(frozen=True)
class TokenInfo:
    """What a token stands for, an example, and whether every contact has it."""

    description: str
    example: object
    source: Literal["contact", "facts", "system"]
    always_present: bool = False


KNOWN_TOKENS: dict[str, TokenInfo] = {
    "first_name": TokenInfo("first name", "Ada", "contact"),
    "last_name": TokenInfo("last name", "Rossi", "contact"),
    "full_name": TokenInfo("first and last name", "Ada Rossi", "contact"),
    "email": TokenInfo("mail address", "ada@example.com", "contact", always_present=True),
    "city": TokenInfo("city", "Rome", "contact"),
    "country": TokenInfo("country, two letters", "IT", "contact"),
    "company": TokenInfo("company", "Rossi & Figli", "contact"),
    "plan": TokenInfo("plan", "pro", "contact"),
    "locale": TokenInfo("language and region", "it-IT", "contact"),
    "time_zone": TokenInfo("time zone", "Europe/Rome", "contact"),
    "date_of_birth": TokenInfo("date of birth", "1984-03-03", "contact"),
    "orders_count": TokenInfo("orders paid", 7, "facts"),
    "lifetime_value": TokenInfo("money spent in all", 1240.5, "facts"),
    "average_order_value": TokenInfo("money spent per order", 177.21, "facts"),
    "currency": TokenInfo("currency of the amounts", "EUR", "facts"),
    "last_order_at": TokenInfo("time of the last order", "2026-03-03T10:15:00+00:00", "facts"),
    "last_product_name": TokenInfo("a product of the last order", "Linen shirt", "facts"),
    "last_call_at": TokenInfo("time of the last call", "2026-02-01T09:00:00+00:00", "facts"),
    "campaign_name": TokenInfo("name of the campaign", "Spring sale", "system", always_present=True),
    "sender_name": TokenInfo("name of the sender", "Demo Shop", "system", always_present=True),
    "postal_address": TokenInfo("postal address of the sender", "Via Roma 1, Rome", "system", always_present=True),
    "unsubscribe_url": TokenInfo(
        "where this recipient unsubscribes", "https://engage.example.com/u/x", "system", always_present=True
    ),
    "preferences_url": TokenInfo(
        "where this recipient chooses topics", "https://engage.example.com/p/x", "system", always_present=True
    ),
}

# the mail's own, put where they belong when a version is compiled; no author writes them
INTERNAL_TOKENS = frozenset({"open_url", "click_url"})
# what leads to the recipient's own pages is never counted as a click
LINK_TOKENS = INTERNAL_TOKENS | {"unsubscribe_url", "preferences_url"}


def tokens_in(*sources: str) -> set[str]:
    """The variables that the sources read. Raises jinja2.TemplateSyntaxError."""
    return set().union(*(meta.find_undeclared_variables(HTML.parse(source)) for source in sources))


def profile_columns(tokens: Iterable[str]) -> sql.Composable:
    """A JSON object of the contact's values that a template uses, as SQL over `profile` (profiles.contact_profiles).

    Names come from the table of tokens only; `json`, not `jsonb`, keeps their order.
    """
    used = [name for name in sorted(tokens) if name in KNOWN_TOKENS and KNOWN_TOKENS[name].source != "system"]
    pairs = sql.SQL(", ").join(
        sql.SQL("{}, profile.{}").format(sql.Literal(name), sql.Identifier(name)) for name in used
    )
    return sql.SQL("json_build_object({})").format(pairs)


__all__ = [
    "HTML",
    "INTERNAL_TOKENS",
    "KNOWN_TOKENS",
    "LINK_TOKENS",
    "TEXT",
    "TokenInfo",
    "profile_columns",
    "tokens_in",
]
