"""engage.campaign_messages: what waits to be sent, in runs that are not finished.

Whoever was targeted is in exactly one state, and whoever was left out for a reason.

Consent and suppression are judged as they were known an hour before the audience was frozen. What came
later is no fault of the snapshot: the claim asks again and leaves those people out.
"""

from __future__ import annotations

from typing import Any

from data_tests.rules import rule, twice
from engage_db.tables.delivery import SKIP_REASONS

WAITING = """
    select message.message_id from engage.campaign_messages message
    join engage.campaign_runs run using (campaign_run_id)
    where run.state in ('preparing', 'sending') and message.state in ('queued', 'claimed')
"""
# the CRM's flag, unless the person has told us since: of the topic or of mail as a whole
NOT_SUBSCRIBED = """
    select from core.contacts fact
    where fact.contact_id = message.contact_id and run.message_class = 'marketing'
      and fact.email_consent is distinct from 'subscribed'
      and not (fact.email_consent = 'unknown' and starts_with(coalesce(message.consent, ''), 'crm: unknown'))
      and not exists (
          select from engage.consent_records record
          where record.contact_id = message.contact_id and record.channel = message.channel
            and record.status = 'subscribed' and (record.topic_id is null or record.topic_id = run.topic_id)
      )
"""
# an unsubscribe is no word against what is not marketing; what was lifted or has expired is none at all
IS_IN_FORCE = """
    and fact.lifted_at is null and coalesce(fact.expires_at > now(), true)
    and (fact.topic_id is null or fact.topic_id = run.topic_id)
    and (run.message_class = 'marketing' or fact.reason not in ('unsubscribed_all', 'unsubscribed_topic'))
"""
SUPPRESSED_PERSON = (
    """
    select from engage.suppressions fact
    where fact.channel = message.channel and fact.contact_id = message.contact_id
      and fact.reason in ('complaint', 'unsubscribed_all', 'unsubscribed_topic', 'manual', 'erased')
"""
    + IS_IN_FORCE
)
SUPPRESSED_ADDRESS = (
    """
    select from engage.suppressions fact
    where fact.channel = message.channel and fact.address = message.address
"""
    + IS_IN_FORCE
)
SKIPPED = """
    select message.message_id from engage.campaign_messages message
    join engage.campaign_runs run using (campaign_run_id)
    where run.state in ('preparing', 'sending') and message.state = 'skipped'
"""
KNOWN_REASONS = ", ".join(f"'{reason}'" for reason in SKIP_REASONS)
GONE = "and not exists (select from core.contacts where contacts.contact_id = message.contact_id)"
CONSENT_WAS_KNOWN = " and run.state = 'preparing' and fact.updated_at < run.snapshot_at - interval '1 hour'"
SUPPRESSION_WAS_KNOWN = " and run.state = 'preparing' and fact.created_at < run.snapshot_at - interval '1 hour'"


def waiting_though(*facts: str) -> str:
    """Waiting messages of which any of the facts is true; one semi-join each, for an `or` would become a loop."""
    return " union ".join(WAITING + "and exists (" + fact + ")" for fact in facts)


def expectations() -> list[Any]:
    """What must hold of waiting messages before the first of them is sent."""
    return [
        rule(
            "messages waiting without an address that can be written to: {count}",
            WAITING + r"and (message.address is null or message.address !~ '^[^@\s]+@[^@\s]+\.[^@\s]+$')",
        ),
        rule(
            "messages waiting without the values of their template: {count}",
            WAITING + "and message.tokens is null",
        ),
        rule(
            "messages waiting without the consent that allows them: {count}",
            WAITING + "and run.message_class = 'marketing' and message.consent is null",
        ),
        rule(
            "messages waiting for people who had not agreed to mail: {count}",
            waiting_though(NOT_SUBSCRIBED + CONSENT_WAS_KNOWN),
        ),
        rule(
            "messages waiting for people or addresses that must not be written to: {count}",
            waiting_though(SUPPRESSED_PERSON + SUPPRESSION_WAS_KNOWN, SUPPRESSED_ADDRESS + SUPPRESSION_WAS_KNOWN),
        ),
        rule(
            "addresses that would get one run's message twice: {count}",
            """
            select min(message.message_id) from engage.campaign_messages message
            join engage.campaign_runs run using (campaign_run_id)
            where run.state in ('preparing', 'sending') and message.address is not null
              and message.state in ('queued', 'claimed', 'sent', 'delivered', 'bounced', 'unknown')
            group by campaign_run_id, step, address
            having count(*) > 1 and bool_or(message.state in ('queued', 'claimed'))
            """,
        ),
        rule(
            "runs whose messages are not as many as were targeted: {count}",
            """
            select campaign_run_id from engage.campaign_run_counts
            join engage.campaign_runs run using (campaign_run_id)
            where run.state in ('preparing', 'sending') and not adds_up
            """,
        ),
        rule("messages left out without a reason: {count}", SKIPPED + "and message.reason is null"),
        rule(
            "messages left out for a reason that nobody knows: {count}",
            SKIPPED + f"and message.reason not in ({KNOWN_REASONS})",
            "warning",
        ),
        rule(
            "people who are listed twice for one step of a run: {count}",
            twice("engage.campaign_messages", "campaign_run_id", "contact_id", "step"),
        ),
        rule(
            "messages waiting for people who no longer want mail or are gone: {count}; they will be left out",
            waiting_though(NOT_SUBSCRIBED, SUPPRESSED_PERSON, SUPPRESSED_ADDRESS) + " union " + WAITING + GONE,
            "info",
        ),
    ]
