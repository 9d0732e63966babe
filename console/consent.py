"""engage consent: what a person agreed to, and the proof."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal, cast

import typer

from activation.errors import Refused
from console.environment import actor, engage, now
from console.output import console, print_json, print_table

app = typer.Typer(no_args_is_help=True)
JSON = typer.Option(False, "--json", help="one JSON object")
CONTACT = typer.Argument(help="the contact's number")


@app.command()
def show(contact: int = CONTACT, json: bool = JSON) -> None:
    """What holds for a person, what keeps messages away, and every decision on record."""
    from activation.compliance import consent, suppression

    moment = now()
    with engage() as db:
        states, history = consent.state_of(db, contact, now=moment), consent.history(db, contact)
        suppressions = suppression.of_contact(db, contact, now=moment)
    if json:
        print_json({"states": states, "history": history, "suppressions": suppressions})
        return
    print_table(
        "Now", ["channel", "topic", "", "decided by", "kept away by"],
        [(each.channel, each.topic or "everything", each.status, each.decided_by, (each.held_by or "").replace("_", " "))
         for each in states],
    )  # fmt: skip
    print_table(
        "On record", ["when", "channel", "topic", "decision", "from", "proof"],
        [(f"{each.occurred_at:%Y-%m-%d %H:%M}", each.channel, each.topic or "everything", each.status, each.source,
          "; ".join(f"{name}: {value}" for name, value in each.proof.items())) for each in history],
    )  # fmt: skip
    print_table(
        "Suppressions", ["no.", "channel", "reason", "since", ""],
        [(str(each.suppression_id), each.channel, each.reason.replace("_", " "), f"{each.created_at:%Y-%m-%d}",
          "holds" if each.holds else each.lifted_because or "expired") for each in suppressions],
    )  # fmt: skip


@app.command()
def record(
    contact: int = CONTACT,
    decision: str = typer.Argument(help="subscribed or unsubscribed"),
    wording: str = typer.Option(..., help="what the person agreed to or said, in their or the form's words"),
    channel: str = typer.Option("email", help="email, sms or whatsapp"),
    topic: str | None = typer.Option(None, help="one topic; the whole channel without"),
    source: str = typer.Option("person", help="where it was said, such as telephone or fair"),
    at: str | None = typer.Option(None, help="when, such as 2026-03-01T10:00+01:00, if not now"),
    json: bool = JSON,
) -> None:
    """Records what a person decided; a newer opt-in lifts an older unsubscription."""
    from activation.compliance import consent, topics

    with engage() as db, db.transaction():
        consent.record(
            db, contact_id=contact, channel=channel, topic_id=topics.find(db, topic).topic_id if topic else None,
            status=cast("Literal['subscribed', 'unsubscribed']", decision), source=source, proof={"wording": wording},
            actor=actor(), now=now(), occurred_at=_time(at),
        )  # fmt: skip
    if json:
        show(contact, json=True)
    else:
        console.print(f"Contact {contact} is {decision} for {topic or 'everything'} by {channel}; the wording is kept.")


def _time(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise Refused(f"{text!r} is no time: write 2026-03-01T10:00+01:00.") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
