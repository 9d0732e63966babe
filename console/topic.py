"""engage topic: what people may choose to hear about."""

from __future__ import annotations

import typer

from console.environment import actor, engage, now
from console.output import console, print_json, print_table

app = typer.Typer(no_args_is_help=True)
JSON = typer.Option(False, "--json", help="one JSON object")
KEY = typer.Argument(help="small letters, digits, - and _")


@app.command("list")
def list_all(json: bool = JSON) -> None:
    """All topics, those in use first."""
    from activation.compliance import topics

    with engage() as db:
        found = topics.list_all(db)
    if json:
        print_json({"topics": found})
    elif not found:
        console.print("No topic yet: people choose mail as a whole. `engage topic create` makes one.")
    else:
        rows = [(each.key, each.name, each.description, "in use" if each.is_active else "retired") for each in found]
        print_table("", ["topic", "name", "what recipients read", ""], rows)


@app.command()
def create(
    key: str = KEY,
    name: str = typer.Option(..., help="what recipients read"),
    description: str = typer.Option("", help="a sentence that recipients read"),
    json: bool = JSON,
) -> None:
    """A new topic, in the preference centre at once. It mails nobody who left everything."""
    from activation.compliance import topics

    with engage() as db, db.transaction():
        topic = topics.create(db, key, name=name, description=description, actor=actor(), now=now())
    if json:
        print_json(topic)
    else:
        console.print(f"{topic.name} ({topic.key}) can be chosen now.")


@app.command()
def update(
    key: str = KEY,
    name: str | None = typer.Option(None),
    description: str | None = typer.Option(None),
    in_use: bool | None = typer.Option(None, "--use/--retire", help="whether it can be chosen"),
    json: bool = JSON,
) -> None:
    """Changes a topic's words, or takes it out of use; decisions about it stay on record."""
    from activation.compliance import topics

    with engage() as db, db.transaction():
        topic = topics.update(db, key, name=name, description=description, is_active=in_use)
    if json:
        print_json(topic)
    else:
        console.print(f"{topic.name} ({topic.key}) is {'in use' if topic.is_active else 'retired'}.")
