"""What settings may be: every check names the setting and says what would do."""

from __future__ import annotations

import math
from numbers import Integral, Real
from typing import Any

from detector_runtime.errors import ConfigurationError


def check(holds: bool, name: str, value: object, rule: str) -> None:
    """Raises ConfigurationError unless the rule holds."""
    if not holds:
        raise ConfigurationError(f"{name} is {value!r:.60}", f"It must be {rule}.")


def check_number(name: str, value: Any, low: float, high: float = math.inf) -> None:
    """Raises ConfigurationError unless `value` is a finite number from `low` to `high`."""
    if high < math.inf:
        rule = f"a number between {low:g} and {high:g}"
    else:
        rule = f"a number of at least {low:g}" if low > -math.inf else "a finite number"
    check(_is_finite(value) and low <= value <= high, name, value, rule)


def check_count(name: str, value: Any, least: int) -> None:
    """Raises ConfigurationError unless `value` is a whole number of at least `least`."""
    whole = isinstance(value, Integral)
    check(whole and value >= least, name, value, f"a whole number of at least {least}")


def check_kind(name: str, value: object, kind: type) -> None:
    """Raises ConfigurationError unless `value` is of this class."""
    check(isinstance(value, kind), name, value, f"a {kind.__name__}")


def _is_finite(value: Any) -> bool:
    try:
        return isinstance(value, Real) and math.isfinite(value)
    except OverflowError:
        # A whole number beyond the range of floats.
        return False
