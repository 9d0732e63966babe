"""core.events: what people did.

Only the newest are looked at, through the index (source, recorded_at): the others were when they came.
"""

from __future__ import annotations

from typing import Any

from data_tests.rules import rule, twice


def expectations() -> list[Any]:
    """What must hold of events before segments are refreshed."""
    return [
        rule(
            "there are no events at all, so nobody would seem to have ordered",
            "select 'nothing' where not exists (select from core.events)",
        ),
        rule(
            "nothing has been heard of for two days",
            """
            select 'nothing' where not exists (
                select from core.events where recorded_at >= now() - interval '2 days'
            )
            """,
            "warning",
        ),
        rule(
            "events without an id, a person, a name or a time: {count}",
            """
            select event_id from core.events
            where recorded_at >= now() - interval '2 days'
              and (event_id is null or contact_id is null or event_name is null or occurred_at is null)
            """,
        ),
        rule(
            "events that are listed twice: {count}",
            twice("core.events", "event_id", among="recorded_at >= now() - interval '2 days'"),
        ),
        rule(
            "most of the newest events are of people who are no contacts: {sample}",
            """
            select format('%s of %s', count(*) - count(contact.contact_id), count(*)) from core.events event
            left join core.contacts contact using (contact_id)
            where event.recorded_at >= now() - interval '2 days'
            having count(*) > 50 and count(contact.contact_id) < 0.5 * count(*)
            """,
        ),
        rule(
            "new events of people who are no contacts: {count}",
            """
            select event.event_id from core.events event
            where event.recorded_at >= now() - interval '2 days'
              and not exists (select from core.contacts contact where contact.contact_id = event.contact_id)
            """,
            "info",
        ),
        rule(
            "new events more than a day in the future: {count}",
            """
            select event_id from core.events
            where recorded_at >= now() - interval '2 days' and occurred_at > now() + interval '1 day'
            """,
            "warning",
        ),
        rule(
            "new events of a kind that nobody knows: {sample}",
            """
            select distinct event_name from core.events
            where recorded_at >= now() - interval '2 days' and event_name not in (
                'order_created', 'order_paid', 'call_logged', 'whatsapp_sent', 'whatsapp_received',
                'deal_stage_changed', 'email_sent', 'email_delivered', 'email_deferred', 'email_bounced',
                'email_rejected', 'email_opened', 'email_clicked', 'email_complained', 'email_unsubscribed',
                'segment_entered', 'segment_exited'
            ) and source <> 'landing.events'
            """,
            "warning",
        ),
    ]
