"""When to ask for an update again: about once a day, whatever the clock says.

The clock of a computer may be years wrong, or be set right while a program runs; one without a
battery starts at the same moment again and again. So three things count:

- A check keeps others away for its wait, before and after it: a clock that was set back finds no
  check around it and asks; one that jumps between two times finds one around either.
- How long programs ran since the last check, by the clock within each run: where every start looks
  like the same moment, this is what passes.
- Waits are drawn when they begin and kept, so that a restart draws no other one.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict, Field

JITTER = 0.25
"""Waits are up to this share longer, so that programs started together do not ask together."""
CHECKS_KEPT = 8


class PastCheck(BaseModel):
    """A check: when, by the clock of that time, and for how long it keeps others away."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    at: float = Field(allow_inf_nan=False, description="Seconds since 1970.")
    wait: float = Field(ge=0, allow_inf_nan=False, description="Seconds.")

    def keeps_away(self, now: float) -> bool:
        """Whether a check at `now` would be too close to this one."""
        return abs(now - self.at) < self.wait


class RunTime(BaseModel):
    """How long programs ran since the last check, in seconds; `until` is when that was noted."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)

    seconds: float = 0.0
    until: float = 0.0

    def noted(self, now: float, running_for: float) -> RunTime:
        """With what passed until now, in a program that has been running for so many seconds.

        Of two programs that run at the same time, time counts once.
        """
        started = now - running_for
        since = self.until if started <= self.until <= now else started
        return RunTime(seconds=self.seconds + max(0.0, now - since), until=now)


def is_due(checks: Sequence[PastCheck], ran: float, now: float) -> bool:
    """Whether it is time to ask.

    Args:
        checks: the latest ones, the oldest first.
        ran: seconds that programs ran since the last of them.
        now: seconds since 1970, as far as the clock knows.
    """
    if not checks or ran >= checks[-1].wait:
        return True
    return not any(check.keeps_away(now) for check in checks)


def with_check(
    checks: Sequence[PastCheck], now: float, wait: float, chance: random.Random
) -> tuple[PastCheck, ...]:
    """The latest checks, with one now that keeps others away for `wait` seconds or a bit more."""
    new = PastCheck(at=now, wait=wait * (1 + JITTER * chance.random()))
    return (*checks, new)[-CHECKS_KEPT:]
