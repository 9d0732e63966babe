"""Named points where a test may hold a process, to kill or to wake it there. In production: one string comparison."""

from __future__ import annotations

import time

from engage_db.settings import load_settings


def pause_point(name: str) -> None:
    """Waits here for as long as the file `paused_at` lies in the home folder, when ENGAGE_PAUSE_AT names this point."""
    settings = load_settings()
    if settings.engage_pause_at != name:
        return
    settings.engage_home.mkdir(parents=True, exist_ok=True)
    marker = settings.engage_home / "paused_at"
    marker.write_text(name)
    while marker.exists():
        time.sleep(0.02)
