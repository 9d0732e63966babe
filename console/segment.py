"""engage segment: what there is."""

from __future__ import annotations

import typer
from psycopg.rows import dict_row

from console.environment import engage
from console.output import console, print_json, print_table

app = typer.Typer(no_args_is_help=True)


@app.callback()
def segments() -> None:
    """Segments are models under dbt_project/models/segments."""


@app.command("list")
def list_all(json: bool = typer.Option(False, "--json")) -> None:
    """All active segments with their size."""
    with engage() as db, db.cursor(row_factory=dict_row) as cursor:
        found = cursor.execute(
            "select key, kind, title, size, refreshed_at, problem from engage.segments where is_active order by key"
        ).fetchall()
    if json:
        print_json({"segments": found})
    elif not found:
        console.print("No segment yet. `engage run` finds those under dbt_project/models/segments.")
    else:
        rows = [(row["key"], row["title"], row["size"], row["problem"]) for row in found]
        print_table("", ["segment", "title", "members", "problem"], rows)
