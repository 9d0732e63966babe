"""Conditions as indented lists: in words, or with ticks and crosses for why somebody is in a segment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from activation.segments.explain import Explanation, Step
from activation.segments.rules import schema
from activation.segments.rules.words import in_words
from dashboards.components import words


def show_explanation(found: Explanation) -> None:
    """The verdict, then each condition with the value found."""
    if found.is_member:
        st.success(f"In the segment since {words.local(found.member_since)}.", icon=":material/check:")
    else:
        st.info("Not in the segment.", icon=":material/close:")
    if found.note:
        st.warning(found.note, icon=":material/update:")
    st.markdown("\n".join(_lines(found.root, 0)))


def outline(definition: Mapping[str, Any]) -> str:
    """A rule tree as an indented list of sentences."""
    tree, problems = schema.parse(definition)
    if tree is None:
        return "\n".join(f"- {words.plain(f'{problem.where}: {problem.message}')}" for problem in problems)
    return "\n".join(_said(tree.where, 0))


def _said(node: Any, depth: int) -> list[str]:
    children = [node.condition] if isinstance(node, schema.Not) else getattr(node, "conditions", [])
    line = f"{'  ' * depth}- {words.plain(in_words(node))}"
    return [line, *(each for child in children for each in _said(child, depth + 1))]


def _lines(step: Step, depth: int) -> list[str]:
    mark = ":green[:material/check_circle:]" if step.outcome else ":red[:material/cancel:]"
    value = f" — found **{words.plain(step.found)}**" if step.found else ""
    line = f"{'  ' * depth}- {mark} {words.plain(step.words)}{value}"
    return [line, *(each for child in step.steps for each in _lines(child, depth + 1))]
