"""The `engage` command."""

from __future__ import annotations

import typer

from console import (
    api,
    automation,
    bench,
    campaign,
    cap,
    consent,
    crm,
    db,
    demo,
    event,
    provider,
    run,
    segment,
    services,
    suppression,
    template,
    topic,
    worker,
)
from console.output import clear_errors

app = typer.Typer(
    name="engage",
    help="EqueEngage: marketing automation on the CRM that a company already has.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
    add_completion=False,
)
app.command("demo", help="Everything once on a made-up CRM, then the screens.")(demo.demo)
app.command("run", help="The loop once: extract, build, test, refresh segments, send what is due, measure.")(run.run)
app.command("build", help="dbt, segments and figures, without reading the CRM or sending.")(run.build)
app.command("up", help="Dagster, the screens and the endpoints for recipients, until Ctrl-C.")(services.up)
app.command("worker", help="Live segments, brought up to date as soon as something lands, until Ctrl-C.")(worker.worker)
app.command("api", help="The endpoints for recipients and providers, until Ctrl-C.")(api.api)
app.command("down", help="Stops the embedded Postgres.")(services.down)
app.command("bench", help="Benchmarks against a peer or a limit measured in the same run.")(bench.bench)
app.add_typer(db.app, name="db", help="The Engage DB.")
app.add_typer(crm.app, name="crm", help="The CRM, and the made-up one.")
app.add_typer(segment.app, name="segment", help="Segments.")
app.add_typer(event.app, name="event", help="Events that other systems publish.")
app.add_typer(template.app, name="template", help="Mail templates.")
app.add_typer(campaign.app, name="campaign", help="Campaigns.")
app.add_typer(automation.app, name="automation", help="Recurring automations.")
app.add_typer(provider.app, name="provider", help="Providers of channels.")
app.add_typer(suppression.app, name="suppression", help="Who must not be written to.")
app.add_typer(consent.app, name="consent", help="What people agreed to.")
app.add_typer(topic.app, name="topic", help="Topics that people choose.")
app.add_typer(cap.app, name="cap", help="Frequency caps.")


def main() -> None:
    """Entry point of the console script."""
    with clear_errors():
        app()


if __name__ == "__main__":
    main()
