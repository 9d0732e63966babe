"""engage provider: which providers are set up, and whether a mail gets through."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import Any

import typer

from activation.channels.contract import Accepted, Answer, Channel, Mail
from activation.errors import NotFound, Refused
from console.environment import actor, engage, now
from console.output import console, print_json, print_table
from engage_db.settings import Settings, load_settings

app = typer.Typer(no_args_is_help=True)

WITHOUT_WEBHOOKS = {"smtp", "sandbox"}


@app.callback()
def providers() -> None:
    """Every provider whose key is set can send; without any, mails stay in the sandbox."""


@app.command("list")
def list_providers() -> None:
    """Shows every provider: whether it can send and be heard, or which variable is missing."""
    from activation.channels.registry import missing_variables

    settings = load_settings()
    rows = [
        (
            name,
            "yes" if name == settings.mail_provider else "",
            _state(to_send),
            "none" if name in WITHOUT_WEBHOOKS else _state(to_listen),
        )
        for name, (to_send, to_listen) in missing_variables(settings).items()
    ]
    print_table("Providers", ("provider", "default", "sends", "webhooks"), rows)


@app.command()
def test(
    to: str = typer.Option(..., help="where the test mail goes"),
    provider: str = typer.Option("", help="through which provider; the default one if not given"),
) -> None:
    """Sends one test mail through a provider, as campaigns do."""
    settings = load_settings()
    channel = _channel(settings, provider)
    at = now()
    mail = Mail(
        message_id=0,
        sender=settings.mail_from,
        to=to,
        subject="A test from EqueEngage",
        html=f"<p>It works: this mail came through {channel.name} at {at:%H:%M:%S} UTC.</p>",
        text=f"It works: this mail came through {channel.name} at {at:%H:%M:%S} UTC.",
        tags={"message_id": "0"},
    )
    answer = asyncio.run(_send(channel, mail, key=f"{settings.workspace_name}/test/{at.timestamp():.6f}"))
    console.print(f"{channel.name} took it as {_accepted(answer, channel.name)}.")


async def _send(channel: Channel, mail: Mail, *, key: str) -> Answer:
    try:
        return await channel.send(channel.encode([mail]), size=1, idempotency_key=key)
    finally:
        await channel.close()


def _channel(settings: Settings, provider: str) -> Channel:
    from activation.channels.registry import SENDING, mail_channels, missing_variables

    channels = mail_channels(settings)
    if not provider and settings.mail_provider == "sandbox":
        raise Refused(
            "RESEND_API_KEY is not set, nor the key of any other provider, so mails stay in the sandbox. "
            "Set one to send a test mail; `engage provider list` shows the variables."
        )
    name = provider or settings.mail_provider
    if name not in SENDING:
        raise NotFound(f"There is no provider {name}. There are {', '.join(SENDING)}.")
    if name not in channels:
        variables = ", ".join(missing_variables(settings)[name][0])
        raise Refused(f"{name} is not set up: {variables} is not set. Set it in the environment or in .env.")
    return channels[name]


def _accepted(answer: Answer, name: str) -> str:
    if not isinstance(answer, Accepted):
        raise Refused(f"{name} did not take the test mail: {answer.words}")
    first = answer.results[0]
    if not isinstance(first, str):
        raise Refused(f"{name} refused the test mail: {first.words}")
    return first


def _state(variables: list[str]) -> str:
    return f"missing: {', '.join(variables)}" if variables else "configured"


@app.command()
def check(
    domain: str | None = typer.Option(None, help="the From domain; that of MAIL_FROM without"),
    provider: str | None = typer.Option(None, help="whose records are looked for; the one in use without"),
    selector: list[str] = typer.Option([], help="names of DKIM keys, where the provider has no usual ones"),
    return_path: str | None = typer.Option(None, help="where bounces go, if the account has its own name for it"),
    resolver: str | None = typer.Option(None, help="such as 127.0.0.1:5353; the machine's own without"),
    json: bool = typer.Option(False, "--json"),
) -> None:
    """SPF, DKIM and DMARC of the domain that mail comes from: what is there, and the exact records to add."""
    from email.utils import parseaddr

    from activation.compliance import dns_text, sender_domain

    settings = load_settings()
    report = sender_domain.check(
        domain or parseaddr(settings.mail_from)[1].rpartition("@")[2], provider or settings.mail_provider,
        look_up=dns_text.texts_of(dns_text.resolver_at(resolver)), selectors=selector, return_path=return_path,
    )  # fmt: skip
    if json:
        print_json({**asdict(report), "ready": report.ready})
    else:
        rows = [(each.record, each.status.upper(), each.host, each.says) for each in report.findings]
        print_table(f"{report.domain} through {report.provider}", ["record", "", "where", ""], rows)
        for each in report.findings:
            if each.add:
                console.print(f"  add  {each.add}", markup=False, soft_wrap=True)
        marks = {True: "yes", False: "no", None: "-"}
        print_table(
            "What Gmail and Yahoo ask", ["", ""], [(marks[each.met], each.asks) for each in report.requirements]
        )
    if not report.ready:
        raise typer.Exit(1)


@app.command("set")
def change(
    provider: str,
    priority: int = typer.Option(None, help="the highest that is well is used"),
    active: bool = typer.Option(None, "--active/--inactive"),
    requests_per_second: float = typer.Option(None),
    daily_limit: int = typer.Option(None, help="messages a day, UTC"),
    unknown_policy: str = typer.Option(
        None, help="of messages whose fate nobody told within 48 h: treat_as_sent, send_again, ask"
    ),
    json: bool = typer.Option(False, "--json"),
) -> None:
    """Sets the order, the pace and the daily limit of a provider."""
    from activation.channels.registry import mail_channels
    from activation.delivery import provider_settings

    with engage() as db:
        known = provider_settings.change(
            db, provider, channels=mail_channels(load_settings()), actor=actor(), now=now(), priority=priority,
            is_active=active, requests_per_second=requests_per_second, daily_limit=daily_limit,
            unknown_policy=unknown_policy,
        )  # fmt: skip
    _show([known], json)


@app.command()
def health(json: bool = typer.Option(False, "--json")) -> None:
    """How providers fare: order, breaker, and what was last wrong."""
    from activation.delivery import provider_settings

    with engage() as db:
        _show(provider_settings.listed(db), json)


@app.command()
def reset(provider: str) -> None:
    """Closes the breaker of a provider whose trouble is mended, without waiting for its next try."""
    from activation.delivery import provider_settings

    with engage() as db:
        was_open = provider_settings.close_breaker(db, provider, now=now())
    console.print(f"{provider} is used again." if was_open else f"{provider} was in use already.")


def _show(known: list[Any], json: bool) -> None:
    if json:
        print_json({"providers": [asdict(each) for each in known]})
        return
    columns = ["provider", "priority", "active", "breaker", "requests/s", "a day", "unknown", "last wrong"]
    print_table("", columns, [
        (each.provider, each.priority, each.is_active, each.breaker, each.requests_per_second, each.daily_limit,
         each.unknown_policy, each.reason)
        for each in known
    ])  # fmt: skip
