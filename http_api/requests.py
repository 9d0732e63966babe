"""Reading requests of strangers: bounded, and without trusting what they say of themselves."""

from __future__ import annotations

from typing import Any

from fastapi import HTTPException, Request
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.types import Message

LONGEST_AGENT = 500


async def body_of(request: Request, *, most: int) -> bytes:
    """The raw body. 413 when it is, or says it is, larger."""
    declared = request.headers.get("content-length", "0")
    if not declared.isdecimal() or int(declared) > most:
        raise HTTPException(413, f"At most {most} bytes.")
    content = bytearray()
    async for piece in request.stream():
        content += piece
        if len(content) > most:
            raise HTTPException(413, f"At most {most} bytes.")
    return bytes(content)


async def form_of(request: Request, *, most: int) -> FormData:
    """The form in either encoding; an empty one when it cannot be read, since what the address says is enough to act."""
    body = await body_of(request, most=most)

    async def again() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    try:
        return await Request(request.scope, again).form(max_fields=1000, max_files=10)
    except StarletteHTTPException:
        return FormData()


def visitor(request: Request) -> dict[str, Any]:
    """What is known of who asks: agent and address (behind a proxy, as that says), as far as told."""
    agent = request.headers.get("user-agent", "")[:LONGEST_AGENT].replace("\0", "")
    return {
        "method": request.method,
        **({"agent": agent} if agent else {}),
        **({"ip": request.client.host} if request.client else {}),
    }
