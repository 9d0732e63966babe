"""Rules: expectations in SQL, for what a column alone cannot tell."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from great_expectations.compatibility.pydantic import validator
from great_expectations.expectations.core.unexpected_rows_expectation import UnexpectedRowsExpectation

Severity = Literal["critical", "warning", "info"]

# A unique index proves it of the whole table without reading a row; only without one are the rows grouped.
TWICE = """
select {columns} from {table}
where {among} and not exists (
    select from pg_index
    where indrelid = '{table}'::regclass and indisunique and indisvalid and indpred is null and indexprs is null
      and (
          select array_agg(attname::text) from pg_attribute
          where attrelid = indrelid and attnum = any(indkey[0:indnkeyatts - 1])
      ) <@ string_to_array('{columns}', ', ')
)
group by {columns}
having count(*) > 1
"""


class NoRowsFound(UnexpectedRowsExpectation):
    """The query finds nothing. It runs once and is counted in the database; the original runs it twice."""

    metric_dependencies: ClassVar[tuple[str, ...]] = ("unexpected_rows_query.row_count",)

    @validator("unexpected_rows_query")
    def _validate_query(cls, query: str) -> str:  # noqa: N805 - we name the table, not {batch}
        return query

    def _validate(
        self,
        metrics: dict[str, Any],
        runtime_configuration: dict[str, Any] | None = None,  # noqa: ARG002 - the signature is the library's
        execution_engine: Any = None,  # noqa: ARG002
    ) -> dict[str, Any]:
        count = metrics["unexpected_rows_query.row_count"]
        return {"success": count == 0, "result": {"unexpected_count": count}}


def rule(words: str, query: str, severity: Severity = "critical") -> NoRowsFound:
    """What `words` tell of must not be: `query` selects the keys of the rows where it is so."""
    return NoRowsFound(description=words, unexpected_rows_query=query, severity=severity)


def twice(table: str, *columns: str, among: str = "true") -> str:
    """Finds keys that more than one row has; free of charge where a unique index keeps them apart."""
    parts = {"{table}": table, "{columns}": ", ".join(columns), "{among}": among}
    query = TWICE
    for name, part in parts.items():
        query = query.replace(name, part)
    return query
