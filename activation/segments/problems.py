"""What is wrong with a segment's definition, said so that its author can mend it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from activation.errors import Refused


@dataclass(frozen=True)
class Problem:
    """Where in the definition, and what. A warning does not keep it from being saved."""

    where: str
    message: str
    severity: Literal["error", "warning"] = "error"


class DefinitionRefused(Refused):
    """A definition with errors; nothing was saved or run."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = [problem for problem in problems if problem.severity == "error"]
        listed = "\n".join(f"  {problem.where}: {problem.message}" for problem in self.problems)
        super().__init__(f"This definition cannot be used:\n{listed}")


def refuse_errors(problems: Sequence[Problem]) -> None:
    """Raises DefinitionRefused when one of the problems is an error."""
    if any(problem.severity == "error" for problem in problems):
        raise DefinitionRefused(problems)
