"""core.contacts: who can be written to."""

from __future__ import annotations

from typing import Any

from great_expectations import expectations as gxe

from data_tests.rules import rule, twice

CONSENTS = ["subscribed", "unsubscribed", "unknown"]
MAIL_ADDRESS = r"^[^@\s]+@[^@\s]+\.[^@\s]+$"
FEWEST_WITH_ADDRESS = 0.3  # a smaller share means that the sync lost the column, not that people have no mail


def expectations() -> list[Any]:
    """What must hold of contacts before segments are refreshed. Those on columns share one reading of the table."""
    return [
        gxe.ExpectTableRowCountToBeBetween(
            description="there are no contacts", min_value=1, severity="critical"
        ),
        gxe.ExpectColumnValuesToNotBeNull(
            description="contacts without an id: {count}", column="contact_id", severity="critical"
        ),
        gxe.ExpectColumnValuesToNotBeNull(
            description="contacts whose mail consent is empty: {count} ({percent})",
            column="email_consent", severity="critical",
        ),
        gxe.ExpectColumnValuesToBeInSet(
            description="contacts whose mail consent is none of subscribed, unsubscribed, unknown: {count} ({percent})",
            column="email_consent", value_set=CONSENTS, severity="critical",
        ),
        gxe.ExpectColumnValuesToMatchRegex(
            description="contacts with a mail address that cannot be written to: {count} ({percent})",
            column="email", regex=MAIL_ADDRESS, severity="critical",
        ),
        gxe.ExpectColumnProportionOfNonNullValuesToBeBetween(
            description="only {observed} of the contacts have a mail address that can be written to",
            column="email", min_value=FEWEST_WITH_ADDRESS, severity="critical",
        ),
        rule("contacts that are listed twice: {count}", twice("core.contacts", "contact_id")),
        rule(
            "only {sample} contacts are left of the customers whom the CRM had a day ago: less than half",
            """
            select count(*) from core.contacts having count(*) < 0.5 * (
                select checkpoint.rows_total + (
                    select coalesce(sum(rows_deleted), 0) from engage.sync_runs
                    where table_name = 'customers' and status = 'succeeded' and started_at > now() - interval '1 day'
                )
                from engage.sync_checkpoints checkpoint
                where table_name = 'customers'
            )
            """,
        ),
        rule(
            "the mail consent of every contact is {sample}: the CRM's opt-in column is not what it was",
            """
            select min(email_consent) from core.contacts
            having count(*) > 50 and min(email_consent) = max(email_consent)
            """,
        ),
        rule(
            "contacts created in the future: {count}",
            "select contact_id from core.contacts where created_at > now() + interval '1 day'",
            "warning",
        ),
    ]  # fmt: skip
