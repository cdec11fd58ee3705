"""Whether a policy that learns plays worse than the one before, or better: a sequential test.

The candidate's return less the champion's is bet on, comparison by comparison. Where the candidate
is no worse, whatever it does, no bet makes money on average, and the chance that capital ever
reaches 1 / error is at most `error` (Ville 1939), at however many comparisons one looks. That holds
for differences of any distribution within the bound, and for a candidate that changes in between
(Waudby-Smith and Ramdas 2023, "Estimating means of bounded random variables by betting").

Capital is spread over several stakes, and over the comparison from which on the candidate may have
become worse (as in Shin, Ramdas and Rinaldo 2024, "E-detectors", but with weights that sum to one):
what it gained before does not excuse what it loses now.
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np

STAKES = (0.03, 0.1, 0.2, 0.4, 0.7, 0.95)
"""Shares of the capital that a difference as large as the bound would take."""

Verdict = Literal["go on", "better", "worse"]


class CapitalProcess:
    """What has been won by betting that values are below zero on average.

    Attributes:
        log_capital: its natural logarithm; 0 at the beginning.
        count: of values.
    """

    def __init__(self, bound: float) -> None:
        """
        Args:
            bound: that no value exceeds on either side; one that does counts as the bound.
        """
        self.log_capital = 0.0
        self.count = 0
        self._bound = bound
        self._stakes = np.array(STAKES) / bound
        self._logs = np.full(len(STAKES), -math.inf)

    def add(self, value: float) -> None:
        """Bet on the next value."""
        self.count += 1
        inside = min(max(value, -self._bound), self._bound)
        # 1 / (n (n + 1)) of the capital begins to be bet with the n-th value.
        begun = np.logaddexp(self._logs, -math.log(self.count * (self.count + 1)))
        self._logs = begun + np.log1p(-self._stakes * inside)
        staked = np.logaddexp.reduce(self._logs) - math.log(len(STAKES))
        self.log_capital = float(np.logaddexp(staked, -math.log(self.count + 1)))


class Guard:
    """Compares a candidate with the champion, until one is seen to be better.

    Attributes:
        worse, better: capital of who bets that the candidate is so.
        log_limit: logarithm of the capital from which on that is believed.
    """

    def __init__(self, number: int, error: float, bound: float) -> None:
        """
        Args:
            number: of the test, from 1; the n-th has the share 1 / (n (n + 1)) of the error, so
                that all tests that ever come have no more than the whole.
            error: chance that any candidate that is no worse is called worse, and that any that is
                no better is called better; each.
            bound: of a difference of returns.
        """
        self.worse, self.better = CapitalProcess(bound), CapitalProcess(bound)
        self.log_limit = math.log(number * (number + 1) / error)

    def add(self, lead: float) -> Verdict:
        """What is known with one more comparison.

        Args:
            lead: the candidate's return less the champion's.
        """
        self.worse.add(lead)
        self.better.add(-lead)
        if self.worse.log_capital >= self.log_limit:
            return "worse"
        return "better" if self.better.log_capital >= self.log_limit else "go on"
