"""What is typed into the launchpad, and how a value that cannot be is told: by field, in words."""

from typing import Any, Self

import dagster as dg
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from pipeline.errors import OutpostError

LIMITS = {
    "greater_than_equal": "must be at least {ge:g}",
    "greater_than": "must be more than {gt:g}",
    "less_than_equal": "must be at most {le:g}",
    "less_than": "must be less than {lt:g}",
    "finite_number": "must be a finite number",
    "multiple_of": "must be a multiple of {multiple_of:g}",
    "literal_error": "must be {expected}",
}
"""By pydantic's type of error, which has the limit that was broken."""


class LaunchpadError(OutpostError):
    """A value in an asset's configuration that is out of range."""

    @classmethod
    def of(cls, error: ValidationError) -> Self:
        """Every field and what is wrong with it."""
        complaints = "; ".join(_complaint(problem) for problem in error.errors())
        return cls(complaints, "Correct the asset's configuration in the launchpad.")


class LaunchpadConfig(dg.Config):
    """Configuration of an asset; limits stand at its fields.

    Raises:
        LaunchpadError: values are out of range; it names each field.
    """

    def __init__(self, **values: Any) -> None:
        # A wrapping validator would not do: those of subclasses run around it.
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise LaunchpadError.of(error) from None


def _complaint(problem: ErrorDetails) -> str:
    """What concerns several fields names them itself."""
    limits = problem.get("ctx", {})
    if not problem["loc"] and "error" in limits:
        return str(limits["error"])
    said = LIMITS.get(problem["type"], problem["msg"]).format(**limits)
    field = ".".join(str(part) for part in problem["loc"])
    return f"{field}: {said} (got {problem['input']})"
