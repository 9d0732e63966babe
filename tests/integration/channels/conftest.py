"""The provider of a test: its server is started once."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.integration.channels.providers import PROVIDERS, Provider


@pytest.fixture(scope="package", params=PROVIDERS)
def _running(request: pytest.FixtureRequest) -> Iterator[Callable[[], Provider]]:
    with PROVIDERS[request.param]() as fresh:
        yield fresh


@pytest.fixture
def provider(_running: Callable[[], Provider]) -> Provider:
    """A provider that has seen nothing yet."""
    return _running()
