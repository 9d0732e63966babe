"""The whole loop as a user has it: CRM, `engage run`, a launched campaign, Dagster's own daemon and sensor, the provider."""

from __future__ import annotations

import os
import signal
import sys
from collections import Counter
from pathlib import Path

import pytest
import resend

from tests.support.installation import installed, wait_for
from tests.support.resend_process import running_resend

pytestmark = pytest.mark.slow

CUSTOMERS = "400"


@pytest.fixture(scope="module")
def provider():
    with running_resend("--rate", "0", "--allow-reserved") as local:
        yield local


@pytest.fixture(scope="module")
def engage(tmp_path_factory, provider):
    home = tmp_path_factory.mktemp("installation")
    with installed(
        home, RESEND_API_KEY="re_test", RESEND_API_URL=provider.url, RESEND_REQUESTS_PER_SECOND="100"
    ) as installation:
        yield installation


@pytest.fixture(scope="module")
def built(engage):
    engage.engage("crm", "seed", "--customers", CUSTOMERS)
    engage.first_run = engage.json("run")
    return engage


def test_the_first_run_builds_contacts_events_and_segments_from_the_crm(built):
    report = built.first_run

    assert report["succeeded"]
    assert report["contacts"] == int(CUSTOMERS)
    assert report["contacts"] == built.query("select count(*) from raw_crm.customers")[0][0]
    assert report["events"] == built.query("select count(*) from core.events")[0][0] > 1000
    assert len(report["segments"]) >= 6
    for segment, members in report["segments"].items():
        assert built.query(f"select count(*) from segments.{segment}")[0][0] == members


def test_a_second_run_over_an_unchanged_crm_changes_nothing(built):
    # that people entered segments in the first run is news of the first run, which the second tells
    unchanged = (
        "select (select max(_extracted_at) from raw_crm.customers), "
        "(select max(recorded_at) from core.events where source <> 'engage.segments'), "
        "(select sum(xmin::text::bigint) from core.contacts), "
        "(select sum(xmin::text::bigint) from core.events where source <> 'engage.segments')"
    )
    before = built.query(unchanged)

    report = built.json("run")

    assert report["segments"] == built.first_run["segments"]
    assert built.query(unchanged) == before


def test_a_launched_campaign_is_sent_by_the_daemon_and_measured(built, provider):
    refused = built.engage(
        "campaign", "create", "Hello", "--segment", "newsletter_subscribers", "--template", "welcome", code=1
    )
    assert "There is no template welcome. There are: none yet (`engage template install` brings some)" in refused.stderr
    built.json("template", "install")
    built.json("campaign", "create", "Hello", "--segment", "newsletter_subscribers", "--template", "welcome")
    assert built.json("campaign", "launch", "hello")["campaign"]["state"] == "scheduled"

    daemon = _start_daemon(built)
    try:
        wait_for(
            lambda: built.json("campaign", "status", "hello")["campaign"]["state"] == "finished",
            seconds=120,
            what="the campaign's end",
        )
    finally:
        os.killpg(daemon.pid, signal.SIGTERM)
        daemon.wait(30)

    status = built.json("campaign", "status", "hello")
    held = Counter(mail["to"][0] for mail in provider.mails())
    targeted = built.query("select targeted from engage.campaign_runs")[0][0]
    assert built.query("select count(*) from engage.campaign_runs") == [(1,)]
    assert sum(status["messages"].values()) == targeted
    assert status["messages"]["sent"] == sum(held.values()) == len(held)
    assert held.keys() == {
        row[0] for row in built.query("select address from engage.campaign_messages where state = 'sent'")
    }

    mail = provider.mails()[0]
    resend.api_key, resend.api_url = "re_test", provider.url
    assert resend.Emails.get(mail["id"])["to"] == mail["to"]

    built.json("run")
    assert built.query("select targeted, sent from marts.campaign_funnel where campaign_key = 'hello'") == [
        (targeted, len(held))
    ]
    assert built.query("select count(*) from core.events where event_name = 'email_sent'") == [(len(held),)]


def test_a_broken_batch_keeps_the_last_good_membership_and_nothing_is_sent_on_it(built, provider):
    members = built.query("select count(*) from engage.segment_members")
    mails = len(provider.mails())
    _crm(built, "update customers set email_opt_in = null, updated_at = now()")
    built.json("campaign", "create", "Not yet", "--segment", "newsletter_subscribers", "--template", "welcome")
    built.json("campaign", "launch", "not-yet")

    failed = built.engage("run", "--json", code=1)
    sent = built.engage("automation", "run", "not-yet", code=1)
    held_back = _campaign_job(built)

    assert "contacts_can_be_trusted failed" in failed.stdout
    assert "is a broadcast" in sent.stderr
    assert built.query("select count(*) from engage.segment_members") == members
    assert "the data test contacts failed" in held_back["problems"][0]
    assert held_back["campaign"]["state"] == "stopped_by_guard"
    assert len(provider.mails()) == mails


def _crm(installation, statement):
    import psycopg

    with psycopg.connect(installation.engage("crm", "url").stdout.strip(), autocommit=True) as crm:
        crm.execute(statement)


def _start_daemon(installation):
    """The daemon as `engage up` starts it."""
    code = "import subprocess, sys; from console.environment import prepare_dagster; prepare_dagster(); sys.exit(subprocess.call(sys.argv[1:]))"
    binary = str(Path(sys.executable).with_name("dagster-daemon"))
    return installation.start(sys.executable, "-c", code, binary, "run", "-w", "workspace.yaml")


def _campaign_job(installation):
    """What the sensor's job does, in a process of its own."""
    import subprocess

    code = "from console.loop import run_job; run_job('campaigns', quiet=True)"
    subprocess.run([sys.executable, "-c", code], env=installation.variables(), check=True, timeout=120)
    return installation.json("campaign", "status", "not-yet")
