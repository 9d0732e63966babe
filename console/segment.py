"""engage segment: define segments, look at them, and ask why."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import typer

from console.environment import actor, another_session, engage, now
from console.output import console, print_json, print_table

app = typer.Typer(no_args_is_help=True)
JSON = typer.Option(False, "--json", help="one JSON object")
KEY = typer.Argument(help="the segment's key, see `engage segment list`")
DEFINITION = typer.Option(None, "--definition", "-d", help="a file with the definition as JSON; - reads standard input")


@app.callback()
def segments() -> None:
    """Segments: dbt models, rules, SQL, lists and functions, one membership."""


@app.command("list")
def list_all(json: bool = JSON) -> None:
    """All active segments with their size."""
    from activation.segments import commands

    with engage() as db:
        found = commands.list_all(db)
    if json:
        print_json({"segments": [_brief(segment) for segment in found]})
    elif not found:
        console.print("No segment yet. `engage run` finds those under dbt_project/models/segments.")
    else:
        rows = [(each.key, each.kind, each.title, each.size, each.refresh, each.problem) for each in found]
        print_table("", ["segment", "kind", "title", "members", "refreshed", "problem"], rows)


@app.command()
def show(key: str = KEY, json: bool = JSON) -> None:
    """One segment with its definition, versions and snapshots."""
    from activation.segments import commands

    with engage() as db:
        segment = commands.show(db, key)
        versions, snapshots = commands.versions(db, key), commands.snapshots(db, key)
    if json:
        print_json({"segment": segment, "versions": versions, "snapshots": snapshots})
        return
    console.print(f"[bold]{segment.title}[/] ({segment.key}, {segment.kind}, version {segment.version})")
    console.print(segment.description or "No description.")
    size = "not refreshed yet" if segment.size is None else f"{segment.size:,} members"
    console.print(f"{size}, refreshed {segment.refresh}, last {segment.refreshed_at or 'never'}")
    if segment.problem:
        console.print(f"[red]Kept its last good membership:[/] {segment.problem}", markup=True)
    console.print(orjson.dumps(segment.definition, option=orjson.OPT_INDENT_2).decode(), markup=False)
    rows = [(each.version, f"{each.created_at:%Y-%m-%d %H:%M}", each.created_by) for each in versions]
    print_table("Versions", ["version", "saved", "by"], rows)


@app.command()
def create(
    key: str = typer.Argument(help="small letters, digits and _"),
    kind: str = typer.Option("rules", help="rules, sql, manual or function"),
    title: str = typer.Option(..., help="what marketers call it"),
    description: str = typer.Option(""),
    definition: str | None = DEFINITION,
    sql: str | None = typer.Option(None, "--sql", help="the SELECT of an sql segment"),
    refresh: str = typer.Option("after every build", help="'after every build', 'live' or a cron expression"),
    json: bool = JSON,
) -> None:
    """Saves a segment and refreshes it."""
    from activation.segments import commands
    from activation.segments.refresh import refresh as refresh_segment

    content = {"sql": sql} if sql is not None else _definition(definition, default={} if kind == "manual" else None)
    with engage() as db:
        commands.create(
            db, key, kind=kind, title=title, definition=content, description=description, refresh=refresh, actor=actor(),
            now=now(),
        )  # fmt: skip
        report = refresh_segment(db, key, now=now())
    _print_refresh([report], json=json)


@app.command()
def update(
    key: str = KEY,
    definition: str | None = DEFINITION,
    sql: str | None = typer.Option(None, "--sql"),
    title: str | None = typer.Option(None),
    description: str | None = typer.Option(None),
    refresh: str | None = typer.Option(None),
    expected_version: int | None = typer.Option(None, help="refuse when somebody changed it meanwhile"),
    json: bool = JSON,
) -> None:
    """Changes a segment; a new definition is refreshed at once."""
    from activation.segments import commands
    from activation.segments.refresh import refresh as refresh_segment

    content = {"sql": sql} if sql is not None else None if definition is None else _definition(definition)
    with engage() as db:
        commands.update(
            db, key, definition=content, title=title, description=description, refresh=refresh,
            expected_version=expected_version, actor=actor(), now=now(),
        )  # fmt: skip
        report = refresh_segment(db, key, now=now())
    _print_refresh([report], json=json)


@app.command()
def delete(key: str = KEY, json: bool = JSON) -> None:
    """Takes a segment out of use; its history stays in engage.segment_membership_history."""
    from activation.segments import commands

    with engage() as db:
        commands.delete(db, key, actor=actor(), now=now())
    if json:
        print_json({"deleted": key})
    else:
        console.print(f"{key} is deleted. Who was in it when stays in engage.segment_membership_history.")


@app.command()
def evaluate(
    key: str | None = typer.Argument(None, help="one segment; without it all"),
    accept_jump: bool = typer.Option(False, "--accept-jump", help="believe a size beyond the guard"),
    json: bool = JSON,
) -> None:
    """Refreshes the membership now."""
    from activation.segments.refresh import refresh, refresh_all

    with engage() as db:
        if key:
            reports = [refresh(db, key, now=now(), accept_jump=accept_jump)]
        else:
            reports = refresh_all(db, now=now(), beside=another_session)
    _print_refresh(reports, json=json)


@app.command()
def preview(
    key: str | None = typer.Argument(None, help="a saved segment; or give --definition or --sql"),
    definition: str | None = DEFINITION,
    sql: str | None = typer.Option(None, "--sql"),
    kind: str = typer.Option("rules", help="of the definition: rules, sql or function"),
    sample: int = typer.Option(10, min=0, max=1000),
    json: bool = JSON,
) -> None:
    """How many, how many can be written to, who, by which SQL, without saving."""
    from activation.segments import commands
    from activation.segments.preview import preview as look

    with engage() as db:
        if key:
            segment = commands.show(db, key)
            found = look(db, segment.kind, segment.definition, at=now(), sample=sample, key=key)
        elif sql is not None:
            found = look(db, "sql", {"sql": sql}, at=now(), sample=sample)
        else:
            found = look(db, kind, _definition(definition), at=now(), sample=sample)
    if json:
        print_json(found)
        return
    console.print(f"[bold]{found.total:,}[/] contacts, [bold]{found.reachable:,}[/] can be written to by mail")
    console.print(f"{found.milliseconds:,.0f} ms, planner's cost {found.cost:,.0f}; days end in {found.time_zone}")
    if found.wrong_types:
        console.print(
            f"{found.wrong_types:,} events hold a value of another type than asked for; they count as not set."
        )
    for problem in found.problems:
        console.print(f"{problem.severity}: {problem.where}: {problem.message}", markup=False)
    print_table("A sample", ["contact", "name", "mail", "city", "plan"], [tuple(row.values()) for row in found.sample])
    console.print(found.sql, markup=False)


@app.command()
def diff(
    key: str = KEY,
    definition: str | None = DEFINITION,
    sql: str | None = typer.Option(None, "--sql"),
    json: bool = JSON,
) -> None:
    """Who would enter and who would leave if this definition were saved."""
    from activation.segments.preview import difference

    content = {"sql": sql} if sql is not None else _definition(definition)
    with engage() as db:
        found = difference(db, key, content, at=now())
    if json:
        print_json(found)
        return
    console.print(f"[green]{found.entering:,} enter[/], [red]{found.leaving:,} leave[/], {found.staying:,} stay")
    for title, rows in (("Entering", found.entering_sample), ("Leaving", found.leaving_sample)):
        if rows:
            print_table(title, ["contact", "name", "mail", "city", "plan"], [tuple(row.values()) for row in rows])


@app.command()
def why(key: str = KEY, contact: int = typer.Argument(help="the contact's id"), json: bool = JSON) -> None:
    """Each condition with the value found and whether it is true."""
    from activation.segments.explain import Step
    from activation.segments.explain import why as explain

    with engage() as db:
        found = explain(db, key, contact, at=now())
    if json:
        print_json({**vars(found), "note": found.note})
        return
    since = f"since {found.member_since:%Y-%m-%d %H:%M} UTC" if found.member_since else ""
    console.print(f"Contact {contact} is [bold]{'in' if found.is_member else 'not in'}[/] {key} {since}")

    def tell(step: Step, depth: int) -> None:
        mark = "[green]✓[/]" if step.outcome else "[red]✗[/]"
        console.print(f"{'  ' * depth}{mark} ", end="")
        console.print(step.words + (f"  → {step.found}" if step.found else ""), markup=False)
        for each in step.steps:
            tell(each, depth + 1)

    tell(found.root, 0)
    if found.note:
        console.print(found.note)


@app.command()
def backtest(
    key: str | None = typer.Argument(None),
    definition: str | None = DEFINITION,
    dates: str | None = typer.Option(None, help="comma-separated, 2026-03-01,2026-04-01"),
    days: int = typer.Option(30, min=1, max=400, help="without --dates: so many days back, each day"),
    json: bool = JSON,
) -> None:
    """How big a rules segment would have been, and what cannot be known about the past."""
    from activation.errors import Refused
    from activation.segments import commands
    from activation.segments.backtest import backtest as look_back

    try:
        wanted = [date.fromisoformat(each.strip()) for each in dates.split(",")] if dates else []
    except ValueError as error:
        raise Refused(f"--dates: {error}. Write 2026-03-01,2026-04-01.") from None
    with engage() as db:
        content = commands.show(db, key).definition if key else _definition(definition)
        wanted = wanted or [now().date() - timedelta(days=back) for back in range(days, 0, -1)]
        found = look_back(db, content, wanted, at=now())
    if json:
        print_json({"points": [{"date": day, "size": size} for day, size in found.points], "caveats": found.caveats})
        return
    print_table("", ["date", "members"], [(str(day), size) for day, size in found.points])
    for caveat in found.caveats:
        console.print(f"· {caveat}", markup=False)


@app.command()
def export(
    key: str = KEY,
    name: str | None = typer.Option(None, help="name of the model; the segment's key with _reviewed"),
    folder: Path | None = typer.Option(
        None, help="write <name>.sql and <name>.yml there, e.g. dbt_project/models/segments"
    ),
    json: bool = JSON,
) -> None:
    """The rules as a dbt model with the same members."""
    from activation.segments.export import as_dbt_model

    with engage() as db:
        model = as_dbt_model(db, key, name=name)
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{model.name}.sql").write_text(model.sql)
        (folder / f"{model.name}.yml").write_text(model.yml)
    if json:
        print_json(model)
    elif folder is not None:
        console.print(f"{folder / model.name}.sql and .yml are written; `engage build` makes them a segment.")
    else:
        print(model.sql, model.yml, sep="\n")


@app.command()
def members(
    key: str = KEY,
    at: datetime | None = typer.Option(None, help="who was in it then (UTC), 2026-03-01T12:00:00"),
    after: int = typer.Option(0, help="continue behind this contact"),
    limit: int = typer.Option(100, min=1, max=1_000_000),
    json: bool = JSON,
) -> None:
    """Who is in it, or was at a time."""
    from activation.segments import commands

    with engage() as db:
        found = commands.members(
            db, key, at=at.replace(tzinfo=at.tzinfo or UTC) if at else None, after=after, limit=limit
        )
    if json:
        print_json({"members": found})
    else:
        print_table("", ["contact", "entered"], [(row["contact_id"], row["entered_at"]) for row in found])


@app.command()
def snapshot(key: str = KEY, name: str = typer.Argument(help="what to call this moment"), json: bool = JSON) -> None:
    """Gives the membership of this moment a name."""
    from activation.segments import commands

    with engage() as db:
        size = commands.take_snapshot(db, key, name, actor=actor(), now=now())
    if json:
        print_json({"segment": key, "name": name, "size": size})
    else:
        console.print(f"{size:,} members of {key} are kept as {name}.")


@app.command()
def upload(
    key: str = KEY,
    file: Path = typer.Argument(
        help="a CSV with a column contact_id, crm_customer_id or email", exists=True, dir_okay=False
    ),
    mode: str = typer.Option("add", help="add, replace or remove"),
    json: bool = JSON,
) -> None:
    """Puts contacts on the list of a manual segment."""
    from activation.errors import Refused
    from activation.segments import lists
    from activation.segments.refresh import refresh

    if mode not in {"add", "replace", "remove"}:
        raise Refused(f"--mode {mode} is none: write add, replace or remove.")
    with engage() as db:
        report = lists.upload(db, key, lists.read_csv(file.read_bytes()), mode=mode, actor=actor(), now=now())  # type: ignore[arg-type]
        refreshed = refresh(db, key, now=now(), accept_jump=True)
    if json:
        print_json({"upload": report, "refresh": refreshed})
        return
    console.print(
        f"{report.rows:,} rows: {report.added:,} added, {report.removed:,} removed, {report.already:,} were there"
    )
    if report.problems:
        rows = [(each.line, each.value, each.message) for each in report.problems[:50]]
        print_table(f"{len(report.problems):,} rows name nobody", ["line", "value", "problem"], rows)


@app.command()
def operators(
    schema: bool = typer.Option(False, "--schema", help="the JSON Schema of a rule tree"),
    write: bool = typer.Option(False, "--write", help="write docs/segment-operators.md"),
) -> None:
    """What rules can ask, from the operator table."""
    from activation.segments.rules import reference
    from activation.segments.rules.schema import json_schema
    from engage_db.settings import PROJECT_ROOT

    if schema:
        print_json(json_schema())
    elif write:
        page = PROJECT_ROOT / "docs" / "segment-operators.md"
        page.write_text(reference.markdown())
        console.print(f"{page.relative_to(PROJECT_ROOT)} is written.")
    else:
        print(reference.markdown())


def _definition(source: str | None, default: dict[str, Any] | None = None) -> dict[str, Any]:
    import sys

    from activation.errors import Refused

    if source is None:
        if default is not None:
            return default
        raise Refused("Give the definition: --definition FILE (see `engage segment operators`), or --sql.")
    try:
        text = sys.stdin.read() if source == "-" else Path(source).read_text()
        content = orjson.loads(text)
    except OSError as error:
        raise Refused(f"{source} cannot be read: {error.strerror}.") from None
    except orjson.JSONDecodeError as error:
        raise Refused(f"{source} is no JSON: {error}.") from None
    if not isinstance(content, dict):
        raise Refused(f"{source} must hold one JSON object.")
    return content


def _brief(segment: Any) -> dict[str, Any]:
    return {name: value for name, value in vars(segment).items() if name != "definition"}


def _print_refresh(reports: list[Any], *, json: bool) -> None:
    if json:
        print_json({"refreshed": reports})
        return
    rows = [(each.key, each.size, each.entered, each.exited, each.problem) for each in reports]
    print_table("", ["segment", "members", "entered", "left", "problem"], rows)
