"""Segments in the order in which they refer to each other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import Any

from activation.errors import Refused
from activation.segments.kinds.rule_tree import segments_used


@dataclass(frozen=True)
class Refreshable:
    """What a refresh needs to know of a segment."""

    segment_id: int
    key: str
    kind: str
    definition: Mapping[str, Any]
    refresh: str
    size: int | None
    version: int
    evaluated_version: int | None
    size_guard: float | None


def in_order(segments: Iterable[Refreshable]) -> list[Refreshable]:
    """Those that others refer to first. Raises Refused for a circle, which saving does not let through."""
    by_key = {segment.key: segment for segment in segments}
    uses = {key: _uses(segment) & by_key.keys() for key, segment in by_key.items()}
    try:
        return [by_key[key] for key in TopologicalSorter(uses).static_order()]
    except CycleError as error:
        raise Refused(f"These segments refer to each other in a circle: {' → '.join(error.args[1])}.") from error


def waves(segments: Iterable[Refreshable]) -> list[list[Refreshable]]:
    """Segments in the order given, broken where one refers to another of the same wave."""
    broken: list[list[Refreshable]] = []
    for segment in segments:
        if not broken or _uses(segment) & {each.key for each in broken[-1]}:
            broken.append([])
        broken[-1].append(segment)
    return broken


def _uses(segment: Refreshable) -> set[str]:
    return segments_used(segment.definition) if segment.kind == "rules" else set()
