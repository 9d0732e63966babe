"""engage cap: how many marketing messages a person gets."""

from __future__ import annotations

import typer

from activation.errors import Refused
from console.environment import actor, engage, now
from console.output import console, print_json, print_table

app = typer.Typer(no_args_is_help=True)
JSON = typer.Option(False, "--json", help="one JSON object")


@app.command()
def show(json: bool = JSON) -> None:
    """The cap of every channel."""
    from activation.compliance import frequency

    with engage() as db:
        found = frequency.caps(db)
    if json:
        print_json({"caps": found})
    elif not found:
        console.print("No channel has a cap. `engage cap set` makes one.")
    else:
        rows = [
            (each.channel, each.most, _window(each.window_hours), "on" if each.is_active else "off", each.updated_by)
            for each in found
        ]
        print_table("", ["channel", "at most", "in any", "", "set by"], rows)


@app.command("set")
def set_cap(
    channel: str = typer.Option("email", help="email, sms or whatsapp"),
    most: int = typer.Option(..., help="marketing messages in any window"),
    days: int | None = typer.Option(None, help="length of the window; 7 unless --hours is given"),
    hours: int | None = typer.Option(None, help="length of the window, when it is shorter than a day"),
    on: bool = typer.Option(True, "--on/--off"),
    json: bool = JSON,
) -> None:
    """Sets the cap of a channel, for everything that is claimed from now on."""
    from activation.compliance import frequency

    if days is not None and hours is not None:
        raise Refused("Give either --days or --hours.")
    window = hours if hours is not None else 24 * (7 if days is None else days)
    with engage() as db, db.transaction():
        cap = frequency.set_cap(db, channel, most=most, window_hours=window, is_active=on, actor=actor(), now=now())
    if json:
        print_json(cap)
    elif cap.is_active:
        console.print(f"At most {cap.most} marketing messages by {cap.channel} in any {_window(cap.window_hours)}.")
    else:
        console.print(f"Nothing is capped by {cap.channel}.")


def _window(hours: int) -> str:
    whole, rest = divmod(hours, 24)
    return f"{hours} hours" if rest else f"{whole} days" if whole != 1 else "day"
