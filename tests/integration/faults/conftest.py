"""What fault tests of sending ask for: a local Resend, a second one, deliveries as processes, a clock that can be moved."""

from __future__ import annotations

import pytest

from tests.support.deliverer import deliverers
from tests.support.resend_process import running_resend
from tests.support.sending import Clock, delivery_of, resend


@pytest.fixture(scope="session")
def resend_server():
    with running_resend("--rate", "0") as local:
        yield local


@pytest.fixture(scope="session")
def second_server():
    with running_resend("--rate", "0") as local:
        yield local


@pytest.fixture
def provider(resend_server):
    resend_server.reset()
    return resend_server


@pytest.fixture
def second(second_server):
    second_server.reset()
    return second_server


@pytest.fixture
def senders(engage_url, provider, tmp_path):
    """Deliveries as processes that can be killed."""
    with deliverers(engage_url, provider.url, tmp_path / "home") as started:
        yield started


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def delivery(engage_url, provider, clock):
    """A delivery in this process."""
    return delivery_of(engage_url, resend(provider.url), clock=clock)
