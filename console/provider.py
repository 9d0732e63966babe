"""engage provider: whether the key works."""

from __future__ import annotations

import typer

from activation.errors import Refused
from console.output import console
from engage_db.settings import load_settings

app = typer.Typer(no_args_is_help=True)


@app.callback()
def providers() -> None:
    """The provider is Resend when RESEND_API_KEY is set, else the sandbox."""


@app.command()
def test(to: str = typer.Option(..., help="where the test mail goes")) -> None:
    """Sends one test mail through Resend's official SDK."""
    from resend.exceptions import ResendError

    from activation.channels.contract import Mail
    from activation.channels.email.resend import send_single

    settings = load_settings()
    if settings.mail_provider != "resend":
        raise Refused("RESEND_API_KEY is not set, so mails stay in the sandbox. Set it to send a test mail.")
    mail = Mail(
        message_id=0, sender=settings.mail_from, to=to, subject="A test from EqueEngage",
        html="<p>It works: this mail came through Resend.</p>", text="It works: this mail came through Resend.",
    )  # fmt: skip
    try:
        sent = send_single(
            api_key=settings.resend_api_key.get_secret_value(), api_url=settings.resend_api_url, mail=mail,
            idempotency_key=f"{settings.workspace_name}/test/{to}",
        )  # fmt: skip
    except ResendError as error:
        raise Refused(f"Resend refused the test mail: {error}") from None
    console.print(f"Resend took it as {sent}.")


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
    from dataclasses import asdict
    from email.utils import parseaddr

    from activation.compliance import dns_text, sender_domain
    from console.output import print_json, print_table

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
