"""Addresses in words that come from outside: a problem is shown, logged and stored, and the person it happened to is not."""

from __future__ import annotations

import re

ADDRESS = re.compile(r"([^\s@<>\"'`,;:()\[\]])[^\s@<>\"'`,;:()\[\]]*@([^\s@<>\"'`,;:()\[\]]+)")


def masked(words: str) -> str:
    """'refused ada@shop.dev' -> 'refused a•••@shop.dev'."""
    return ADDRESS.sub(r"\1•••@\2", words)
