"""engage.campaign_messages: what is about to be sent."""

from __future__ import annotations

from typing import Any

from great_expectations import expectations as gxe

WAITING = "state = 'queued'"


def expectations() -> list[Any]:
    """What must hold of queued messages before the first of them is sent."""
    return [
        gxe.UnexpectedRowsExpectation(
            description="queued without an address or without the values of its template",
            unexpected_rows_query=f"select message_id from {{batch}} where {WAITING} and (address is null or tokens is null) limit 20",
            severity="critical",
        ),
        gxe.UnexpectedRowsExpectation(
            description="queued for somebody who did not opt in",
            unexpected_rows_query=(
                "select message.message_id from {batch} message join engage.campaigns campaign using (campaign_id) "
                "left join core.contacts contact on contact.contact_id = message.contact_id "
                "where message.state = 'queued' and campaign.message_class = 'marketing' and message.consent is null limit 20"
            ),
            severity="critical",
        ),
        gxe.UnexpectedRowsExpectation(
            description="queued twice to one address in one run",
            unexpected_rows_query=(
                "select campaign_run_id, min(message_id) as message_id from {batch} "
                f"where {WAITING} group by campaign_run_id, step, address having count(*) > 1 limit 20"
            ),
            severity="critical",
        ),
    ]
