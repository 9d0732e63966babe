"""What providers say, made fit to be stored and shown: one line, short, no whole address."""

from __future__ import annotations

import re

LONGEST = 300
ADDRESS = re.compile(r"([A-Za-z0-9])[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]*@(?=[A-Za-z0-9])")


def fit(text: object) -> str:
    """The words in one line of at most 300 characters; of an address only its first letter and its domain stay."""
    line = " ".join(str(text or "").split())
    return ADDRESS.sub(r"\1…@", line)[:LONGEST]
