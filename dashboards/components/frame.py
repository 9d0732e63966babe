"""What every page has around it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import streamlit as st

from dashboards import data
from dashboards.components import words as said
from dashboards.data import NotBuilt
from engage_db.connection import DatabaseUnreachable
from engage_db.settings import load_settings

LOGO = Path(__file__).with_name("logo.svg")
ICON = Path(__file__).with_name("icon.svg")
SILENT_AFTER = timedelta(minutes=1)

CSS = """<style>
.stMainBlockContainer { padding-top: 3.2rem; max-width: 84rem; }
h1 { font-size: 2.1rem !important; padding-top: 0 !important; }
h3 { font-size: 1.15rem !important; }
[data-testid="stMetricValue"] { font-weight: 650; }
</style>"""


def draw_frame() -> None:
    """Logo, workspace, and the word that this is a sandbox where it is one."""
    settings = load_settings()
    st.html(CSS)
    st.logo(LOGO, icon_image=ICON, size="large")
    with st.sidebar:
        st.caption(f"Workspace **{settings.workspace_name}** · times in {settings.workspace_time_zone}")
        if settings.mail_provider == "sandbox":
            st.info(
                "**Sandbox.** No mail leaves this machine: deliveries, opens and clicks are simulated.",
                icon=":material/science:",
            )
    warn_without_worker()


def warn_without_worker() -> None:
    """While there is no sign of life of the worker: what waits for it, and the command that starts it."""
    try:
        row = data.one("delivery", "worker")
    except (NotBuilt, DatabaseUnreachable):
        return  # the page itself says what is wrong
    age = said.now() - row["beat_at"] if row else None
    if age is None or age > SILENT_AFTER:
        since = f"last seen {said.ago(row['beat_at'])}" if row else "it has not run yet"
        st.warning(
            f"Sends of triggered messages and outcomes are waiting: start `engage worker` ({since}).",
            icon=":material/heart_broken:",
        )


def title(words: str, beside: str = "") -> None:
    """The page's headline with a line under it."""
    st.title(words, anchor=False)
    if beside:
        st.caption(beside)


def empty(words: str, what_next: str) -> None:
    """What stands where there is nothing yet."""
    with st.container(border=True, horizontal_alignment="center"):
        st.markdown(f"#### {words}")
        st.markdown(what_next)


@contextmanager
def friendly() -> Iterator[None]:
    """A page whose tables or database are not there says what to do instead of failing."""
    try:
        yield
    except NotBuilt:
        empty(
            "Nothing has been built yet",
            "Run `engage run`: it reads the CRM, builds contacts and segments, and fills these screens.",
        )
    except DatabaseUnreachable as error:
        st.error(f"{error}", icon=":material/cloud_off:")


def paginate(total: int, size: int, key: str) -> int:
    """Draws page numbers when there is more than one page; returns the offset of the page chosen."""
    count = max(1, -(-total // size))
    if count == 1:
        return 0
    return (st.pagination(count, key=key) - 1) * size
