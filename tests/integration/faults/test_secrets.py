"""No key and no full address in what is logged, raised or stored as a problem. Row 60 of the faults."""

from __future__ import annotations

import logging
import re

from activation.delivery.masking import masked
from activation.delivery.send import deliver
from tests.factories import engage as given
from tests.support.sending import assert_counted, begin, delivery_of, resend

ADDRESS = re.compile(r"c\d+@mail\.test\.dev|ada@shop\.dev")


def everything_said(db):
    """Every word of a problem that the database keeps."""
    found = db.execute(
        """
        select coalesce(problem, '') from engage.send_batches
        union all select coalesce(problem, '') || coalesce(reason, '') from engage.campaign_runs
        union all select coalesce(reason, '') || coalesce(reason_detail, '') from engage.campaign_messages
        union all select coalesce(reason, '') || coalesce(last_problem, '') from engage.provider_health
        union all select coalesce(state_reason, '') from engage.campaigns
        """
    ).fetchall()
    db.commit()
    return "\n".join(row[0] for row in found)


def test_a_faulty_delivery_says_neither_its_key_nor_anybodys_address(engage_db, engage_url, provider, clock, caplog):
    """Row 60: everything logged, at every level, while providers tell addresses in their errors."""
    begin(engage_db, 120)
    engage_db.execute("update engage.campaign_messages set address = 'ada@test.com' where contact_id = 7")
    engage_db.commit()
    provider.fault("status", status=500, message="could not store ada@shop.dev", times=1)
    provider.fault("truncate", times=1)
    provider.fault("status", status=422, name="validation_error", message="no such mailbox <ada@shop.dev>", times=1)

    with caplog.at_level(logging.DEBUG):
        deliver(delivery_of(engage_url, resend(provider.url), clock=clock))
        provider.fault("status", status=403, name="x", message="only to ada@shop.dev may be sent", times=None)
        engage_db.execute(
            "update engage.campaign_messages set state = 'queued', batch_id = null, provider_message_id = null, sent_at = null"
        )
        engage_db.commit()
        report = deliver(delivery_of(engage_url, resend(provider.url), clock=clock))

    said = "\n".join([caplog.text, everything_said(engage_db), *report.problems.values()])
    assert "a•••@shop.dev" in said
    assert ADDRESS.search(said) is None
    assert "ada@test.com" not in said
    assert "re_test_secret" not in said


def test_a_process_that_delivers_logs_neither_keys_nor_addresses(engage_db, provider, senders, tmp_path):
    """Row 60, with every library at DEBUG in a process of its own."""
    begin(engage_db, 50)
    provider.fault("accept_then_cut", times=1)
    log = tmp_path / "delivery.log"

    senders.run(log=str(log), api_key="re_test_secret")

    words = log.read_text()
    assert given.states(engage_db) == {"sent": 50}
    assert ADDRESS.search(words) is None
    assert "re_test_secret" not in words
    assert_counted(engage_db, provider)


def test_an_address_is_masked_wherever_it_stands_in_words():
    assert (
        masked("Invalid `to` field: <Ada.B@shop.dev>, b@x.io; c") == "Invalid `to` field: <A•••@shop.dev>, b•••@x.io; c"
    )
    assert masked("nothing here @ all") == "nothing here @ all"
