"""/p: the preference centre, per channel and topic. GET shows, POST saves, as often as it is asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response
from psycopg import Connection

from activation.compliance import preferences
from activation.compliance.preferences import ChannelPreference, Preferences
from activation.delivery import outcomes
from activation.delivery.outcomes import Recipient
from http_api.pages import page
from http_api.requests import form_of, visitor
from http_api.services import Services, services_of

router = APIRouter(tags=["preferences"])
LARGEST = 256 * 1024
WHOLE = "*"  # stands for a channel without topics

CHANNELS = {"email": "Mail", "sms": "Text messages", "whatsapp": "WhatsApp"}
BLOCKED = {
    "complaint": "You reported our mail as unwanted, so we send none. Write to us if that was a mistake.",
    "hard_bounce": "Our mail to this address came back, so we send none.",
    "invalid_address": "This address cannot be written to.",
    "provider_suppressed": "Our mail to this address was refused, so we send none.",
    "erased": "Your data was erased, so we send nothing.",
    "manual": "Nothing is sent to you here. Write to us to change that.",
}


@dataclass(frozen=True)
class _Form:
    """What somebody asks for; `wanted` holds channel/topic."""

    leaves: bool
    wanted: frozenset[str]


@router.api_route("/p/{token}", methods=["GET", "HEAD"])
async def show(token: str, request: Request) -> Response:
    return await _answer(token, request, None)


@router.post("/p/{token}")
async def save(token: str, request: Request) -> Response:
    form = await form_of(request, most=LARGEST)
    wanted = frozenset(value for value in form.getlist("wanted") if isinstance(value, str))
    return await _answer(token, request, _Form(form.get("do") == "leave", wanted))


async def _answer(token: str, request: Request, form: _Form | None) -> Response:
    services = services_of(request)
    message_id = services.links.message_of("p", token)
    if message_id is None:
        return page("not_valid.html", status=404)
    found = await run_in_threadpool(_save_and_read, services, message_id, form, visitor(request))
    if found is None:
        return page("not_valid.html", status=404)
    person, chosen = found
    return page(
        "preferences.html",
        address=masked(person.address),
        saved=None if form is None else "You are unsubscribed from everything." if form.leaves else "Saved.",
        channels=[_shown(channel) for channel in chosen.channels],
    )


def _save_and_read(
    services: Services, message_id: int, form: _Form | None, proof: dict[str, Any]
) -> tuple[Recipient, Preferences] | None:
    unknown_counts = services.settings.unknown_consent_counts
    with services.calm.connection() as db, db.transaction():
        person = outcomes.recipient(db, message_id)
        if person is None:
            return None
        chosen = preferences.preferences_of(db, person.contact_id, unknown_counts=unknown_counts)
        if form is not None:
            _save(db, services, message_id, person, chosen, form, proof)
            chosen = preferences.preferences_of(db, person.contact_id, unknown_counts=unknown_counts)
    return person, chosen


def _save(
    db: Connection,
    services: Services,
    message_id: int,
    person: Recipient,
    chosen: Preferences,
    form: _Form,
    proof: dict[str, Any],
) -> None:
    """Saves every channel that the page let choose: with nothing ticked it is off as a whole, future topics too.

    Passed over: topics that are gone since the page was shown, a channel that was ticked as a whole and has topics now, and one
    that was off and stays off.
    """
    now, proof = services.clock(), {**proof, "message_id": message_id}
    has_left = False
    for channel in chosen.channels:
        if channel.blocked in BLOCKED and not form.leaves:
            continue
        topics = {topic.key for topic in channel.topics if f"{channel.channel}/{topic.key}" in form.wanted}
        has_whole = f"{channel.channel}/{WHOLE}" in form.wanted
        is_off = not topics and not has_whole
        is_of_older_page = has_whole and channel.topics and not topics
        if not form.leaves and (is_of_older_page or (is_off and channel.decided_off)):
            continue
        changes = preferences.save_preferences(
            db, chosen.contact_id, channel=channel.channel, subscribed_topics=topics, everything_off=form.leaves or is_off,
            proof=proof, now=now, address=person.address if channel.channel == person.channel else None,
        )  # fmt: skip
        has_left = has_left or any(status == "unsubscribed" for _, status in changes)
    if has_left:
        outcomes.land_word_of_recipient(db, message_id, detail={**proof, "source": preferences.SOURCE}, now=now)


def _shown(channel: ChannelPreference) -> dict[str, Any]:
    choices = [
        {
            "value": f"{channel.channel}/{topic.key}",
            "name": topic.name,
            "description": topic.description,
            "is_on": topic.subscribed,
        }
        for topic in channel.topics
    ] or [
        {
            "value": f"{channel.channel}/{WHOLE}",
            "name": "News and offers",
            "description": "",
            "is_on": channel.subscribed,
        }
    ]
    name = CHANNELS.get(channel.channel, channel.channel.title())
    return {"name": name, "blocked": BLOCKED.get(channel.blocked or ""), "choices": choices}


def masked(address: str | None) -> str:
    """a…@example.com: enough to know one's own address by."""
    name, at, domain = (address or "").partition("@")
    return f"{name[:1]}…@{domain}" if at else ""
