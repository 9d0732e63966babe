"""How an answer over HTTP is read, as tables."""

from __future__ import annotations

import pytest

from activation.channels.http import Reply
from activation.channels.words import fit

DATE = "Fri, 27 Nov 2026 10:00:00 GMT"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7),
        ({"retry-after": "0"}, 0),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after": "Fri, 27 Nov 2026 10:01:30 GMT", "date": DATE}, 90),
        ({"retry-after": "Fri, 27 Nov 2026 09:00:00 GMT", "date": DATE}, 0),
        ({"retry-after": "Fri, 27 Nov 2026 10:01:30 GMT"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "9" * 30}, 86_400),
        ({"ratelimit-remaining": "0", "ratelimit-reset": "3"}, 3),
        ({"ratelimit-remaining": "5", "ratelimit-reset": "3"}, None),
        ({"retry-after": "9", "ratelimit-remaining": "0", "ratelimit-reset": "3"}, 9),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1795773660", "date": DATE}, 60),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "9" * 30, "date": DATE}, None),
    ],
)
def test_a_provider_says_how_long_to_wait_in_many_ways(headers, seconds):
    assert Reply(429, headers, b"").retry_after() == seconds


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("a\r\n b\tc", "a b c"),
        ("to <ada.lovelace+x@mail.test.dev>: no", "to <a…@mail.test.dev>: no"),
        (None, ""),
        ("x" * 999, "x" * 300),
    ],
)
def test_words_are_one_short_line_without_a_whole_address(said, kept):
    assert fit(said) == kept
