"""engage db: address and migrations of the Engage DB."""

from __future__ import annotations

import typer

from console.environment import engage
from console.output import console, print_json
from engage_db import migrate
from engage_db.connection import connect_engage, database_url
from engage_db.settings import load_settings

app = typer.Typer(no_args_is_help=True)


@app.command()
def url() -> None:
    """Prints the connection URL; starts the embedded Postgres when there is none."""
    print(database_url("engage"))


@app.command()
def upgrade(revision: str = "head", json: bool = typer.Option(False, "--json")) -> None:
    """Brings the schema to a revision, the newest by default."""
    _say(migrate.upgrade(_reached(), revision), json)


@app.command()
def downgrade(
    revision: str = typer.Argument(help="a revision, or `base` for none"),
    json: bool = typer.Option(False, "--json"),
) -> None:
    """Takes the schema back to a revision: what later ones made is gone, with its rows."""
    _say(migrate.downgrade(_reached(), revision), json)


@app.command()
def status(json: bool = typer.Option(False, "--json")) -> None:
    """The revision of the database, and the one that this code needs."""
    found, needed = migrate.current_revision(_reached()), migrate.newest_revision()
    if json:
        print_json({"revision": found, "needed": needed, "ok": found == needed})
    else:
        console.print(f"at {found or 'nothing'}, needed {needed}")


def _reached() -> str:
    with connect_engage():
        return database_url("engage")


def _say(revision: str | None, json: bool) -> None:
    if json:
        print_json({"revision": revision})
    else:
        console.print(f"The Engage DB is at revision {revision or 'base'}.")


@app.command("confirm-restore")
def confirm_restore(json: bool = typer.Option(False, "--json")) -> None:
    """Says that a restored database is the one to go on with. Campaigns stay paused until they are resumed."""
    from activation.delivery import epoch

    with engage() as connection:
        seen = epoch.confirm(connection, load_settings().engage_home)
    if json:
        print_json(seen)
    else:
        console.print(f"Confirmed at batch {seen.batches}. `engage campaign resume KEY` lets each campaign go on.")
