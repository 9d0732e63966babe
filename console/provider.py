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
