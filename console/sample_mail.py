"""engage template test: one mail to oneself."""

from __future__ import annotations

import asyncio

import typer

from activation.channels.contract import Accepted, Answer, Channel, Mail
from activation.channels.registry import mail_channels
from activation.errors import Refused
from activation.templates import versions
from activation.templates.preview import SAMPLE_LINKS, as_test, preview, rendered, sample_values, send_test
from console.environment import engage, now
from console.output import console, print_json
from engage_db.settings import load_settings


def send_test_mail(
    key: str = typer.Argument(help="key of a template, as `engage template list` shows it"),
    to: str = typer.Option(..., help="the address that gets it"),
    contact: int | None = typer.Option(None, help="whose values it shows; examples by default"),
    provider: str | None = typer.Option(None, help="by default a real one where one has a key, else the sandbox"),
    json: bool = typer.Option(False, "--json"),
) -> None:
    """Sends one mail with the newest version, marked [Test]. It counts nowhere and its links lead nowhere."""
    settings = load_settings()
    channel = _channel(provider)
    sender, postal_address = settings.mail_from, settings.postal_address
    with engage() as db:
        if contact is None:
            version = versions.newest(db, key)
            mail = rendered(version, sample_values(version), sender=sender, postal_address=postal_address)
        else:
            mail = preview(db, key, contact, sender=sender, postal_address=postal_address)
    test = as_test(mail, sender=sender, to=to, unsubscribe_url=SAMPLE_LINKS["unsubscribe_url"])
    _raise_unless_accepted(asyncio.run(_hand_over(channel, test, settings.workspace_name)))
    if json:
        print_json({"template": key, "provider": channel.name, "subject": test.subject})
    else:
        where = "into the sandbox, which delivers nothing" if channel.name == "sandbox" else f"through {channel.name}"
        console.print(f"{test.subject!r} went {where}.", markup=False)


async def _hand_over(channel: Channel, mail: Mail, workspace: str) -> Answer:
    try:
        return await send_test(channel, mail, workspace=workspace, now=now())
    finally:
        await channel.close()


def _channel(wanted: str | None) -> Channel:
    channels = mail_channels(load_settings())
    name = wanted or next((name for name in channels if name != "sandbox"), "sandbox")
    if name not in channels:
        raise Refused(f"There is no provider {name} with a key. There are: {', '.join(sorted(channels))}.")
    return channels[name]


def _raise_unless_accepted(answer: Answer) -> None:
    result = answer.results[0] if isinstance(answer, Accepted) else answer
    if not isinstance(result, str):
        raise Refused(f"The test mail was not accepted: {result.words}")
