"""engage suppression: who must not be written to, and why."""

from __future__ import annotations

import sys
from pathlib import Path

import typer

from activation.errors import Refused
from console.environment import actor, engage, now
from console.output import console, print_json, print_table

app = typer.Typer(no_args_is_help=True)
JSON = typer.Option(False, "--json", help="one JSON object")
CHANNEL = typer.Option("email", help="email, sms or whatsapp")


@app.command("list")
def list_all(
    text: str | None = typer.Argument(None, help="the beginning of an address, or a contact's number"),
    reason: str | None = typer.Option(None, help="such as complaint or hard_bounce"),
    held: bool = typer.Option(False, "--held", help="only those that hold now"),
    limit: int = typer.Option(50, min=1, max=10_000),
    after: int | None = typer.Option(None, help="the last number of the page before"),
    json: bool = JSON,
) -> None:
    """The list, newest first."""
    from activation.compliance import suppression

    with engage() as db:
        found = suppression.search(db, text, reason, limit, after, held_only=held, now=now())
    if json:
        following = found[-1].suppression_id if len(found) == limit else None
        print_json({"suppressions": found, "next": following})
        return
    if not found:
        console.print("Nobody is suppressed." if not (text or reason or after) else "None like this.")
        return
    rows = [
        (str(each.suppression_id), each.channel, each.address or "", each.contact_id or "", each.reason.replace("_", " "),
         f"{each.created_at:%Y-%m-%d}", "holds" if each.holds else each.lifted_because or "expired")
        for each in found
    ]  # fmt: skip
    print_table("", ["no.", "channel", "address", "contact", "reason", "since", ""], rows)
    if len(found) == limit:
        console.print(f"More: --after {found[-1].suppression_id}")


@app.command()
def add(
    address: str | None = typer.Argument(None, help="an address; or name a contact with --contact"),
    contact: int | None = typer.Option(None, help="a contact's number: the person and their address"),
    channel: str = CHANNEL,
    reason: str = typer.Option("manual", help="manual unless it is something else"),
    topic: str | None = typer.Option(None, help="with the reason unsubscribed_topic"),
    because: str = typer.Option("", help="a note that is kept as evidence"),
    json: bool = JSON,
) -> None:
    """Suppresses an address, or a person with their address."""
    from activation.compliance import suppression, topics

    with engage() as db, db.transaction():
        added = suppression.add(
            db, address=address, contact_id=contact, channel=channel, reason=reason,
            topic_id=topics.find(db, topic).topic_id if topic else None, source="person",
            evidence={"note": because} if because else {}, actor=actor(), now=now(),
        )  # fmt: skip
    if json:
        print_json(added)
    else:
        console.print(f"Suppression {added.suppression_id} {'holds now' if added.changed else 'held before'}.")


@app.command()
def lift(
    number: int = typer.Argument(help="see `engage suppression list`"),
    because: str = typer.Option("", help="why, in words"),
    json: bool = JSON,
) -> None:
    """Ends a suppression; it stays on the list with the reason."""
    from activation.compliance import suppression

    with engage() as db, db.transaction():
        suppression.lift(db, number, actor=actor(), because=because, now=now())
    if json:
        print_json({"suppression_id": number, "lifted": True})
    else:
        console.print(f"Suppression {number} is lifted.")


@app.command("import")
def import_file(
    file: Path = typer.Argument(
        help="a CSV with a column address, email or phone, and reason if rows differ; - reads input"
    ),
    channel: str = CHANNEL,
    reason: str = typer.Option("manual", help="of rows that name none"),
    json: bool = JSON,
) -> None:
    """Suppresses the addresses of a file. The same file again adds nothing."""
    from activation.compliance import suppression_files

    try:
        content = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    except OSError as error:
        raise Refused(f"{file} cannot be read: {error.strerror}.") from None
    with engage() as db, db.transaction():
        report = suppression_files.import_csv(
            db, content, channel=channel, reason=reason, source=f"import {file.name}", actor=actor(), now=now()
        )
    if json:
        print_json(report)
        return
    console.print(
        f"{report.rows:,} rows: {report.added:,} added, {report.already:,} held before, {report.wrong:,} not taken."
    )
    for problem in report.problems:
        console.print(f"  line {problem.line}: {problem.value}: {problem.message}", markup=False)


@app.command()
def export(
    file: Path = typer.Argument(help="where the CSV goes; - writes output"),
    reason: str | None = typer.Option(None),
    json: bool = JSON,
) -> None:
    """Writes what holds now to a CSV that `import` reads again."""
    from activation.compliance import suppression_files

    with engage() as db:
        if str(file) == "-":
            suppression_files.export_csv(db, sys.stdout, reason=reason, now=now())
            return
        try:
            with file.open("w", newline="") as out:
                written = suppression_files.export_csv(db, out, reason=reason, now=now())
        except OSError as error:
            raise Refused(f"{file} cannot be written: {error.strerror}.") from None
    if json:
        print_json({"rows": written, "file": file})
    else:
        console.print(f"{written:,} suppressions are in {file}.")
