"""/u: the link and the button that every marketing mail carries (RFC 8058). GET shows, POST acts, without login."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response

from activation.delivery import outcomes
from activation.delivery.outcomes import Recipient
from http_api.pages import page
from http_api.requests import form_of, visitor
from http_api.services import Services, services_of

router = APIRouter(tags=["unsubscribe"])
LARGEST = 64 * 1024


@router.api_route("/u/{token}", methods=["GET", "HEAD"])
async def ask(token: str, request: Request) -> Response:
    """Changes nothing: mail scanners open every link."""
    services = services_of(request)
    message_id = services.links.message_of("u", token)
    person = None if message_id is None else await run_in_threadpool(_recipient, services, message_id)
    if message_id is None or person is None:
        return page("not_valid.html", status=404)
    return page("unsubscribe.html", topic=person.topic, preferences=services.links.of(message_id).preferences)


@router.post("/u/{token}")
async def act(token: str, request: Request) -> Response:
    """Acts at once and as often as it is asked: for mail programs on the topic of the mail, or on all mail without one."""
    services = services_of(request)
    message_id = services.links.message_of("u", token)
    if message_id is None:
        return page("not_valid.html", status=404)
    form = await form_of(request, most=LARGEST)
    everything = form.get("scope") == "everything"
    source = "one_click" if "List-Unsubscribe" in form else "link"
    person = await run_in_threadpool(_unsubscribe, services, message_id, everything, source, visitor(request))
    if person is None:
        return page("not_valid.html", status=404)
    left_topic = None if everything else person.topic
    return page("unsubscribed.html", topic=left_topic, preferences=services.links.of(message_id).preferences)


def _recipient(services: Services, message_id: int) -> Recipient | None:
    with services.calm.connection() as db:
        return outcomes.recipient(db, message_id)


def _unsubscribe(
    services: Services,
    message_id: int,
    everything: bool,  # noqa: FBT001 - passed on from a thread pool, which takes no names
    source: str,
    proof: dict[str, object],
) -> Recipient | None:
    with services.calm.connection() as db:
        return outcomes.land_unsubscribe(
            db, message_id, everything=everything, source=source, proof=proof, now=services.clock()
        )
