"""Why somebody is in a segment, as an indented list with ticks and crosses."""

from __future__ import annotations

import streamlit as st

from activation.segments.explain import Explanation, Step


def show_explanation(found: Explanation) -> None:
    """The verdict, then each condition with the value found."""
    if found.is_member:
        st.success(f"In the segment since {found.member_since:%d %B %Y, %H:%M} UTC.", icon=":material/check:")
    else:
        st.info("Not in the segment.", icon=":material/close:")
    if found.note:
        st.warning(found.note, icon=":material/update:")
    st.markdown("\n".join(_lines(found.root, 0)))


def _lines(step: Step, depth: int) -> list[str]:
    mark = ":green[:material/check_circle:]" if step.outcome else ":red[:material/cancel:]"
    value = f" — found **{_plain(step.found)}**" if step.found else ""
    line = f"{'  ' * depth}- {mark} {_plain(step.words)}{value}"
    return [line, *(each for child in step.steps for each in _lines(child, depth + 1))]


def _plain(text: str) -> str:
    """Values of people's data are shown as they are, never as markup."""
    return "".join(f"\\{character}" if character in "\\`*_{}[]<>()#+-!|$~:" else character for character in text)
