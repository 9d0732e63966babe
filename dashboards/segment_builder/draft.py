"""What one visit of the builder is about: the segment as it was read, and the conditions as they stand."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from activation.segments.commands import Segment
from dashboards.segment_builder.further import Json, join, split
from dashboards.segment_builder.translate import count_rules, to_rules

_visits = itertools.count(1)


@dataclass
class Draft:
    """`segment` stays as it was when the visit began, so that a change by somebody else in between is noticed.

    `tree` is what the component starts from; each start has a number, since it takes a tree only when it appears.
    `read_back` is the saved definition as the tree writes it.
    """

    segment: Segment | None
    tree: Json | None = None
    further: list[Json] = field(default_factory=list)
    definition: Json | None = None
    read_back: Json | None = None
    number: int = 0
    redraw: bool = False
    arrived: bool | None = None

    @staticmethod
    def of(segment: Segment | None, config: Mapping[str, Any]) -> Draft:
        draft = Draft(segment)
        draft.start(segment.definition if segment and segment.kind == "rules" else None, config)
        draft.read_back = join(to_rules(draft.tree)[0], draft.further)
        return draft

    def start(self, definition: Mapping[str, Any] | None, config: Mapping[str, Any]) -> None:
        """Draws a definition anew."""
        self.number, self.redraw, self.arrived = next(_visits), False, None
        self.tree, self.further = split(definition, config) if definition else (None, [])
        self.definition = dict(definition) if definition else None

    def has_arrived(self, drawn: Mapping[str, Any]) -> bool:
        """Whether the component took all of the tree it was given: its first answer tells, before anybody changed a thing."""
        if self.arrived is None:
            self.arrived = self.tree is None or count_rules(drawn) >= count_rules(self.tree)
        return self.arrived

    def says_the_same(self, definition: Mapping[str, Any]) -> bool:
        """Whether a definition is the saved one, apart from how it is written."""
        return definition == self.read_back or (self.segment is not None and definition == self.segment.definition)
