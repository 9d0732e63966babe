"""core.contacts: who can be written to."""

from __future__ import annotations

from typing import Any

from great_expectations import expectations as gxe

FEWEST_WITH_ADDRESS = 0.3  # a smaller share means that the sync lost the column, not that people have no mail


def expectations() -> list[Any]:
    """What must hold of contacts before segments are refreshed."""
    return [
        gxe.ExpectTableRowCountToBeBetween(min_value=1, severity="critical"),
        gxe.ExpectColumnValuesToNotBeNull(column="contact_id", severity="critical"),
        gxe.ExpectColumnValuesToBeUnique(column="contact_id", severity="critical"),
        gxe.ExpectColumnValuesToNotBeNull(column="email_consent", severity="critical"),
        gxe.ExpectColumnValuesToBeInSet(
            column="email_consent", value_set=["subscribed", "unsubscribed", "unknown"], severity="critical"
        ),
        gxe.ExpectColumnProportionOfNonNullValuesToBeBetween(
            column="email", min_value=FEWEST_WITH_ADDRESS, severity="critical"
        ),
        gxe.UnexpectedRowsExpectation(
            description="a mail address that cannot be written to",
            unexpected_rows_query="select contact_id from {batch} where email !~ '^[^@[:space:]]+@[^@[:space:]]+[.][^@[:space:]]+$' limit 20",
            severity="critical",
        ),
        gxe.UnexpectedRowsExpectation(
            description="everybody has the same consent, so the opt-in column was lost",
            unexpected_rows_query=(
                "select min(email_consent) as consent from {batch} having count(*) > 50 and count(distinct email_consent) = 1"
            ),
            severity="critical",
        ),
        gxe.UnexpectedRowsExpectation(
            description="created in the future",
            unexpected_rows_query="select contact_id from {batch} where created_at > now() + interval '1 day' limit 20",
            severity="warning",
        ),
    ]
