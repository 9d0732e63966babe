"""What screens change: each a command of activation on a connection of its own, its refusals shown in words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import streamlit as st
from psycopg import Connection

from activation.errors import Refused
from engage_db.connection import connect_engage

ACTOR = "screens"  # who, until people sign in


def now() -> datetime:
    """The clock of all screens."""
    return datetime.now(UTC)


@contextmanager
def engage() -> Iterator[Connection]:
    """A read-write connection for one command."""
    with connect_engage(application="engage screens", autocommit=True, statement_timeout="60s") as db:
        yield db


@contextmanager
def refusals_shown() -> Iterator[None]:
    """A refusal becomes a message on the screen."""
    try:
        yield
    except Refused as error:
        st.error(str(error), icon=":material/block:")
