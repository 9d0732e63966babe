"""engage template: the ready-made ones, and those stored."""

from __future__ import annotations

from pathlib import Path

import typer
from psycopg.rows import dict_row

from activation.errors import Refused
from activation.templates import versions
from activation.templates.library import install_library
from console.environment import actor, engage, now
from console.output import console, print_json, print_table

app = typer.Typer(no_args_is_help=True)

PARTS = ("subject.txt", "preheader.txt", "body.mjml", "body.txt")


@app.command("list")
def list_all(json: bool = typer.Option(False, "--json")) -> None:
    """All templates with their newest version."""
    with engage() as db, db.cursor(row_factory=dict_row) as cursor:
        found = cursor.execute(
            "select template.key, template.name, max(version.version) as version from engage.message_templates template "
            "join engage.template_versions version using (template_id) group by 1, 2 order by 1"
        ).fetchall()
    if json:
        print_json({"templates": found})
    elif not found:
        console.print("No template yet. `engage template install` stores the ready-made ones.")
    else:
        print_table("", ["template", "name", "version"], [tuple(row.values()) for row in found])


@app.command()
def install(json: bool = typer.Option(False, "--json")) -> None:
    """Stores the ready-made templates."""
    with engage() as db, db.transaction():
        saved = install_library(db, actor=actor(), now=now())
    _say(saved, json)


@app.command()
def save(
    folder: Path = typer.Argument(help=f"a folder with {', '.join(PARTS)}"),
    key: str = typer.Option(None, help="the folder's name by default"),
    name: str = typer.Option(None, help="made of the key by default"),
    json: bool = typer.Option(False, "--json"),
) -> None:
    """Stores a template from files, as a new version when its content is new. What is wrong with it is listed."""
    missing = [part for part in PARTS if not (folder / part).is_file()]
    if missing:
        raise Refused(f"{folder} holds no {', '.join(missing)}. A template is a folder with {', '.join(PARTS)}.")
    wanted = key or folder.resolve().name
    subject, preheader, body_mjml, body_text = ((folder / part).read_text() for part in PARTS)
    with engage() as db, db.transaction():
        saved = versions.save(
            db, key=wanted, name=name or wanted.replace("_", " ").capitalize(), subject=subject, preheader=preheader,
            body_mjml=body_mjml, body_text=body_text, actor=actor(), now=now(),
        )  # fmt: skip
    _say([saved], json)


def _say(saved: list[versions.SavedVersion], json: bool) -> None:
    if json:
        print_json({"templates": [vars(version) for version in saved]})
    else:
        rows = [(version.key, version.version, "new" if version.changed else "as it was") for version in saved]
        print_table("", ["template", "version", ""], rows)
