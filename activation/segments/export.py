"""A rule segment as a dbt model, for analysts to review, test and keep: the same people by the same SQL."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
import yaml
from psycopg import Connection

from activation.errors import Refused
from activation.segments import commands
from activation.segments.kinds.rule_tree import parse_checked
from activation.segments.preview import as_text
from activation.segments.rules.compile import Compiler, Sources, as_members

# what the compiler reads, and how a dbt model refers to it
REFERENCES = {
    "profiles": '{{ ref("contact_profiles") }}',
    "events": '{{ ref("events") }}',
    "history": '{{ ref("contact_history") }}',
    "members": '{{ source("membership_log", "segment_members") }}',
    "lists": '{{ source("membership_log", "segment_list_entries") }}',
    "message_events": '{{ source("message_log", "message_happenings") }}',
}


@dataclass(frozen=True)
class DbtModel:
    """Two files for dbt_project/models/segments: <name>.sql and <name>.yml."""

    name: str
    sql: str
    yml: str


def as_dbt_model(db: Connection, key: str, *, name: str | None = None) -> DbtModel:
    """The model of a rules segment; windows stay relative to the time of each build.

    Raises Refused for other kinds, and for a name that is none.
    """
    segment = commands.show(db, key)
    if segment.kind != "rules":
        raise Refused(f"{key} is a {segment.kind} segment: only rules can be exported as a dbt model.")
    model = name or f"{key}_reviewed"
    if not commands.KEY.fullmatch(model):
        raise Refused(f"{model!r} is no name of a model: a small letter, then small letters, digits and _, at most 63.")
    names = commands.names(db)
    tree = parse_checked(segment.definition, names)
    mark = _mark(segment.definition)
    sources = Sources(**{name: (mark, name) for name in REFERENCES}, models=f"{mark}_models")
    written = as_text(db, as_members(Compiler(names, None, sources).tree(tree)))
    return DbtModel(model, _model(segment, _with_references(written, mark)), _yml(segment, model))


def _mark(definition: Mapping[str, Any]) -> str:
    """A schema that no text of the definition names: none can hold its own fingerprint."""
    return "in_" + hashlib.sha256(orjson.dumps(definition)).hexdigest()[:32]


def _with_references(statement: str, mark: str) -> str:
    """Relations become references of dbt; text of the rules stays as it is, also what looks like Jinja or ends a line."""
    statement = statement.replace("\r", "' || chr(13) || '")  # a file is read with each end of a line as \n
    statement = re.sub(r"\{[{%#]", lambda opening: f"{{{{ '{opening[0]}' }}}}", statement)
    statement = re.sub(rf'{mark}_models\."?(\w+)"?', r'{{ ref("\1") }}', statement)
    return re.sub(rf'{mark}\."?(\w+)"?', lambda relation: REFERENCES[relation[1]], statement)


def _model(segment: commands.Segment, statement: str) -> str:
    from_where = f"exported from the rules segment {segment.key}, version {segment.version}"
    return f"-- {from_where}\nwith members as (\n{statement}\n)\n\nselect contact_id from members\n"


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
