"""The web process with one INSERT and one commit per request, to compare with."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import uvicorn

from http_api.landing import Arrival, Landing
from http_api.main import serving


async def store(self: Landing, rows: Sequence[Arrival]) -> None:
    for each in rows:
        await self._write([each])


if __name__ == "__main__":
    Landing.store = store  # type: ignore[method-assign]
    uvicorn.run(serving(), host="127.0.0.1", port=int(sys.argv[-1]), log_level="warning", access_log=False)
