"""A rule segment as a dbt model, for analysts to review, test and keep: the same people by the same SQL."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import yaml
from psycopg import Connection

from activation.errors import Refused
from activation.segments import commands
from activation.segments.kinds.rule_tree import parse_checked
from activation.segments.preview import as_text
from activation.segments.rules.compile import Compiler, Sources, as_members

# what dbt models may refer to, by what the compiler writes
REFERENCES = {
    "profiles.contact_profiles": '{{ ref("contact_profiles") }}',
    "core.events": '{{ ref("events") }}',
    "core.contact_history": '{{ ref("contact_history") }}',
    "engage.segment_members": '{{ source("membership_log", "segment_members") }}',
    "engage.segment_list_entries": '{{ source("membership_log", "segment_list_entries") }}',
    "engage.message_events": '{{ source("message_log", "message_events") }}',
}


@dataclass(frozen=True)
class DbtModel:
    """Two files for dbt_project/models/segments: <name>.sql and <name>.yml."""

    name: str
    sql: str
    yml: str


def as_dbt_model(db: Connection, key: str, *, name: str | None = None) -> DbtModel:
    """The model of a rules segment; windows stay relative to the time of each build. Raises Refused for other kinds."""
    segment = commands.show(db, key)
    if segment.kind != "rules":
        raise Refused(f"{key} is a {segment.kind} segment: only rules can be exported as a dbt model.")
    names = commands.names(db)
    tree = parse_checked(segment.definition, names)
    written = as_text(db, as_members(Compiler(names, None, Sources()).tree(tree)))
    models = {
        f"segments.{name}": f'{{{{ ref("{name}") }}}}' for name, entry in names.segments.items() if entry.kind == "dbt"
    }
    references = REFERENCES | models
    for table, reference in references.items():
        written = re.sub(rf"(?<![\w.]){re.escape(table)}(?![\w.])", reference, written)
    model = name or f"{key}_reviewed"
    return DbtModel(model, _model(segment, _escaped(written, list(references.values()))), _yml(segment, model))


def _model(segment: commands.Segment, statement: str) -> str:
    from_where = f"exported from the rules segment {segment.key}, version {segment.version}"
    return f"-- {from_where}\nwith members as (\n{_indented(statement)}\n)\n\nselect contact_id from members\n"


def _escaped(statement: str, references: list[str]) -> str:
    """Text of the rules that looks like Jinja stays text."""
    placed = {reference: f"\x00{number}\x00" for number, reference in enumerate(references)}
    for reference, mark in placed.items():
        statement = statement.replace(reference, mark)
    for opening in ("{{", "{%", "{#"):
        statement = statement.replace(opening, "{{ '" + opening + "' }}")
    for reference, mark in placed.items():
        statement = statement.replace(mark, reference)
    return statement


def _indented(statement: str) -> str:
    return "\n".join(f"    {line}" for line in statement.splitlines())


def _yml(segment: commands.Segment, model: str) -> str:
    content: dict[str, Any] = {
        "models": [
            {
                "name": model,
                "description": segment.description or segment.title,
                "config": {
                    "meta": {
                        "segment": {
                            "title": f"{segment.title} (reviewed)",
                            "owner": "crm-team",
                            "refresh": "after every build",
                        }
                    }
                },
                "columns": [{"name": "contact_id", "description": "Who is in.", "data_tests": ["unique", "not_null"]}],
            }
        ]
    }
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True)
