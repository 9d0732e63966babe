"""engage api: the web process for recipients and providers."""

from __future__ import annotations

import signal
from types import FrameType

import typer

from console.environment import check_migrated

DRAIN_SECONDS = 6  # requests in hand may end in this time; the whole stop takes less than ten


def api(
    host: str = typer.Option("127.0.0.1", help="0.0.0.0 to be reached from other machines"),
    port: int = typer.Option(0, min=0, max=65535, help="API_PORT unless given"),
) -> None:
    """Serves opens, clicks, unsubscribes, preferences, webhooks and the management routes until Ctrl-C or SIGTERM."""
    import uvicorn

    from engage_db.settings import load_settings

    check_migrated()
    # uvicorn drains on a signal and then raises it again for whom it took it from: for us the work is done then
    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, _end)
    uvicorn.run(
        "http_api.main:serving", factory=True, host=host, port=port or load_settings().api_port,
        log_level="warning", access_log=False, server_header=False, timeout_graceful_shutdown=DRAIN_SECONDS,
    )  # fmt: skip


def _end(_signum: int, _frame: FrameType | None) -> None:
    raise SystemExit(0)
