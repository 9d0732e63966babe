"""Garbage collection of processes that live long and make many short-lived objects."""

from __future__ import annotations

import gc

ALLOCATIONS = 50_000  # new objects that are still there; Python's own 700 is soon reached by requests in hand


def keep_what_is_loaded() -> None:
    """Has the collector pass over everything that is there now, and look at what is new more rarely.

    To be called once, when a process has loaded its modules: half of the time of a web request went into looking at them.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(ALLOCATIONS)
