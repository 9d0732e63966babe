"""/o and /c: opens and clicks, stored as they come; what of it people did is decided later, from what is kept here."""

from __future__ import annotations

from base64 import b64decode
from contextlib import suppress
from email.utils import parseaddr
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from activation.tracking import links
from engage_db import named_sql
from http_api.landing import Arrival, NotStorable, NotStored
from http_api.pages import HEADERS, page
from http_api.requests import visitor
from http_api.services import Services, services_of

SQL = named_sql.load(__file__)

PIXEL = b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
HONEYPOT = 0  # the link that no person sees
MOST_DIGITS = 4


async def opened(request: Request) -> Response:
    services = services_of(request)
    message_id = services.links.message_of("o", request.path_params["token"])
    if message_id is not None:
        await _land(services, "opened", message_id, visitor(request))
    return Response(PIXEL, media_type="image/gif", headers=HEADERS)


async def clicked(request: Request) -> Response:
    services = services_of(request)
    token, _, digits = request.path_params["place"].rpartition("-")
    message_id = services.links.message_of("c", token)
    if message_id is None or not (digits.isascii() and digits.isdecimal() and len(digits) <= MOST_DIGITS):
        return page("not_valid.html", status=404)
    number = int(digits)
    address = None if number == HONEYPOT else await _address(services, message_id, number)
    if address is None and number != HONEYPOT:
        return page("not_valid.html", status=404)
    await _land(services, "clicked", message_id, {**visitor(request), "link": number})
    if address is None:
        return Response(status_code=204, headers=HEADERS)
    return RedirectResponse(address, status_code=302, headers=HEADERS)


ROUTES = [
    Route("/o/{token}", opened, methods=["GET", "HEAD"]),
    Route("/c/{place}", clicked, methods=["GET", "HEAD"]),
]


async def _address(services: Services, message_id: int, number: int) -> str | None:
    """The address that this link of the message really had."""
    async with services.hot.connection() as db:
        row = await (await db.execute(SQL.sent_link, {"message_id": message_id})).fetchone()
    if row is None:
        return None
    version_links, tokens, campaign_name, sender = row
    name, bare_sender = parseaddr(sender or services.settings.mail_from)
    shared = {
        "campaign_name": campaign_name,
        "sender_name": name or bare_sender,
        "postal_address": services.settings.postal_address,
    }
    return links.target(version_links, number, {**tokens, **shared})


async def _land(services: Services, kind: str, message_id: int, detail: dict[str, Any]) -> None:
    """Stores it if that can be done: a person who follows a link is not to suffer from our troubles."""
    at = services.clock()
    arrival = Arrival(
        provider="engage", event_id=f"{kind}/{message_id}/{services.new_id()}", type=kind, message_id=message_id,
        provider_message_id=None, occurred_at=at, received_at=at, detail=orjson.dumps(detail), payload=b"{}",
    )  # fmt: skip
    with suppress(NotStored, NotStorable):
        await services.landing.store([arrival])
