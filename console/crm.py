"""engage crm: the CRM's address; and to seed, change and reload the made-up one."""

from __future__ import annotations

import time

import typer

from console.environment import engage, now
from console.output import console, print_json, print_table
from engage_db.connection import connect, database_url

app = typer.Typer(no_args_is_help=True)


@app.command()
def url() -> None:
    """Prints the connection URL; starts the embedded Postgres when there is none."""
    print(database_url("crm"))


@app.command()
def seed(
    customers: int = typer.Option(5000, min=1, max=5_000_000),
    seed: int = typer.Option(7, help="the same seed makes the same people"),
    replace: bool = typer.Option(False, help="empty the tables first"),
    json: bool = typer.Option(False, "--json"),
) -> None:
    """Writes a believable CRM: customers, products, orders, calls, WhatsApp messages, deals."""
    from demo import seed as seeding

    started = time.monotonic()
    with connect(database_url("crm"), setting="CRM_DATABASE_URL") as crm:
        report = seeding.seed(crm, customers=customers, seed=seed, today=now().replace(microsecond=0), replace=replace)
    seconds = round(time.monotonic() - started, 1)
    if json:
        print_json({"rows": report.rows, "seconds": seconds})
    else:
        print_table(f"The CRM was written in {seconds} s", ["table", "rows"], list(report.rows.items()))


@app.command()
def mutate(
    changes: int = typer.Option(200, min=1),
    seed: int = typer.Option(1),
    json: bool = typer.Option(False, "--json"),
) -> None:
    """Makes the CRM live: new orders, edits, stage moves, deletes."""
    from demo import mutate as changing

    with connect(database_url("crm"), setting="CRM_DATABASE_URL") as crm:
        report = changing.mutate(crm, changes=changes, seed=seed, now=now())
    if json:
        print_json({"changed": report.changed})
    else:
        print_table(
            "Changed in the CRM",
            ["what", "rows"],
            [(name.replace("_", " "), n) for name, n in report.changed.items()],
        )


@app.command()
def reload(table: str) -> None:
    """Forgets the mirror of a table, so that the next run reads it anew and in full."""
    from activation.errors import NotFound
    from orchestration.extraction.mirror import drop_mirror
    from orchestration.extraction.registry import crm_tables

    found = [entry for entry in crm_tables() if entry.name == table]
    if not found:
        raise NotFound(f"crm_tables.yaml lists no table {table}. It lists: {', '.join(t.name for t in crm_tables())}.")
    with engage() as db, db.transaction():
        drop_mirror(db, found[0])
    console.print(f"{table} is read in full at the next `engage run`.")
