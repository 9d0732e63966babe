"""Calls in threads that are left behind."""

from __future__ import annotations

import asyncio
from threading import Event

import pytest

from activation.channels import threads
from activation.channels.threads import NeverBegan, Threads


def called(some, *works, seconds=5.0):
    async def together():
        return await asyncio.gather(*(some.call(work, seconds=seconds) for work in works), return_exceptions=True)

    return asyncio.run(together())


def fails():
    raise LookupError("as it is")


def test_what_a_call_returns_or_raises_is_told():
    assert called(Threads(2), lambda: 7) == [7]
    (problem,) = called(Threads(2), fails)
    assert isinstance(problem, LookupError)


def test_no_more_than_so_many_run_at_once_and_the_others_have_their_turn():
    running, most = set(), []

    def work():
        running.add(object_ := object())
        most.append(len(running))
        Event().wait(0.05)
        running.discard(object_)

    called(Threads(3), *[work] * 9)

    assert len(most) == 9
    assert max(most) == 3


def test_who_had_no_turn_in_time_never_began_and_who_had_is_unknown():
    some, end = Threads(1), Event()

    first, second = called(some, lambda: end.wait(5), lambda: 7, seconds=0.2)

    assert isinstance(first, TimeoutError)
    assert isinstance(second, NeverBegan)
    end.set()
    assert called(some, lambda: 7) == [7]  # its thread is free again


def test_a_machine_without_threads_began_nothing(monkeypatch: pytest.MonkeyPatch):
    some = Threads(1)

    def refused(_thread):
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as machine:
        machine.setattr(threads.Thread, "start", refused)
        (answer,) = called(some, lambda: 7)

    assert isinstance(answer, NeverBegan)
    assert called(some, lambda: 7) == [7]
