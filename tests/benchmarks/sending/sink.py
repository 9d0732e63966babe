"""A provider that only counts: POST /emails/batch and /emails answered as Resend does, in a process of its own."""

from __future__ import annotations

import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import orjson
from aiohttp import web

ROOT = Path(__file__).parents[3]
MAIL = b'"name":"message_id","value":"'  # once in each mail, and long: counting a short one took a third of this process's time
counts = {"mails": 0, "requests": 0, "bytes": 0, "without_key": 0}


async def batch(request: web.Request) -> web.Response:
    body = await request.read()
    mails = body.count(MAIL)
    _count(request, body, mails)
    first = counts["mails"] - mails
    return web.Response(
        body=orjson.dumps({"data": [{"id": f"{first + n:032x}"} for n in range(mails)]}),
        content_type="application/json",
    )


async def single(request: web.Request) -> web.Response:
    body = await request.read()
    _count(request, body, 1)
    return web.Response(body=orjson.dumps({"id": f"{counts['mails']:032x}"}), content_type="application/json")


async def told(_request: web.Request) -> web.Response:
    return web.json_response(counts)


def _count(request: web.Request, body: bytes, mails: int) -> None:
    counts["mails"] += mails
    counts["requests"] += 1
    counts["bytes"] += len(body)
    counts["without_key"] += "Idempotency-Key" not in request.headers


@contextmanager
def running_sink() -> Iterator[str]:
    """Its address."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.benchmarks.sending.sink"], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip()
        finally:
            process.kill()


def counted(url: str) -> dict[str, int]:
    """What it has counted."""
    with urllib.request.urlopen(f"{url}/counts") as answer:
        found: dict[str, int] = orjson.loads(answer.read())
    return found


async def _listening(app: web.Application) -> None:
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    print(f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}", flush=True)


def main() -> None:
    import asyncio

    app = web.Application(client_max_size=64 * 2**20)
    app.add_routes([web.post("/emails/batch", batch), web.post("/emails", single), web.get("/counts", told)])
    loop = asyncio.new_event_loop()
    loop.run_until_complete(_listening(app))
    loop.run_forever()


if __name__ == "__main__":
    main()
