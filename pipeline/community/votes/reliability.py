"""How reliable each contributor is, and how sure that makes each label: Dawid-Skene with one coin.

The truth is unknown, so both are estimated together, by expectation maximization: labels from the
votes, each weighted by its voter's reliability; reliabilities from how often a voter's labels are
probably right; and so on until nothing changes. Whoever always names one wrong icon soon weighs
nothing.

A. P. Dawid, A. M. Skene: Maximum Likelihood Estimation of Observer Error-Rates Using the EM
Algorithm (Applied Statistics 28, 1979), https://doi.org/10.2307/2346806; with one parameter for
each voter as in Y. Zhang et al.: Spectral Methods Meet EM (JMLR 17, 2016),
https://doi.org/10.48550/arXiv.1406.3824. A matrix of confusions for each voter, as in the first,
takes many votes of everybody on every icon; nobody sends thousands.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

MOST_ROUNDS = 200
SETTLED = 1e-6
"""Of the largest change of a reliability in a round."""
CERTAIN = 1e-9
"""How far a reliability stays away from 0 and 1, of which no vote could ever change anything."""

Floats = npt.NDArray[np.float64]
Indexes = npt.NDArray[np.intp]


@dataclass(frozen=True)
class VoteTable:
    """Votes as columns, one row for each.

    Attributes:
        items: what is voted on, 0.. without gaps, int [votes].
        voters: 0.. without gaps, int [votes].
        labels: any numbers, int [votes].
        known: the reliability of a vote where it is not to be estimated, above 0 and below 1, else
            NaN, [votes].
    """

    items: Indexes
    voters: Indexes
    labels: Indexes
    known: Floats


@dataclass(frozen=True)
class Assumptions:
    """What is believed before any vote, and of how errors lie.

    Attributes:
        right, wrong: what a voter starts with, as if that many of its votes were known to be right
            and wrong. A newcomer is right with probability right / (right + wrong).
        alternatives: over how many other labels the errors on one item spread. Icons are taken for
            a few that look like them, not for any of thousands: two that err may well agree.
    """

    right: float = 2.0
    wrong: float = 1.0
    alternatives: float = 2.0

    @property
    def chance(self) -> float:
        """How often guessing is right: such a vote says nothing, a lesser one the contrary."""
        return 1 / (1 + self.alternatives)


@dataclass(frozen=True)
class LabelEstimate:
    """What the votes come to.

    Attributes:
        items, labels: every pair of an item and a label that somebody gave it, sorted, int [pairs].
        probabilities: that the label is the item's, [pairs]. Those of one item add up to at most
            1; what is missing is the probability that nobody has named the right one.
        reliability: share of right labels of each voter, 0..1, [voters]; of one whose votes all
            have a known reliability, what it started with.
    """

    items: Indexes
    labels: Indexes
    probabilities: Floats
    reliability: Floats


def estimate(table: VoteTable, assumed: Assumptions) -> LabelEstimate:
    """Estimate labels and reliabilities from votes; the order of the rows decides nothing."""
    table = _sorted(table)  # sums of floats depend on their order
    pairs, of_vote = np.unique(
        np.column_stack([table.items, table.labels]), axis=0, return_inverse=True
    )
    of_vote = of_vote.reshape(-1)  # NumPy 2.0 returned a column
    items = pairs[:, 0]
    model = _Model(table, assumed, items, of_vote)
    # The share of the votes, as everybody begins.
    votes = np.bincount(of_vote, minlength=len(items))
    probabilities = votes / np.bincount(table.items)[items]
    reliability = model.reliabilities(probabilities)
    for _ in range(MOST_ROUNDS):
        probabilities = model.probabilities(reliability)
        before, reliability = reliability, model.reliabilities(probabilities)
        if np.abs(reliability - before).max(initial=0.0) < SETTLED:
            break
    return LabelEstimate(items, pairs[:, 1], model.probabilities(reliability), reliability)


def _sorted(table: VoteTable) -> VoteTable:
    order = np.lexsort((table.known, table.labels, table.voters, table.items))
    columns = (table.items, table.voters, table.labels)
    items, voters, labels = (column[order] for column in columns)
    return VoteTable(items, voters, labels, table.known[order])


@dataclass(frozen=True)
class _Model:
    table: VoteTable
    assumed: Assumptions
    items: Indexes
    of_vote: Indexes
    """Which pair each vote is for."""

    def reliabilities(self, probabilities: Floats) -> Floats:
        """The maximization: of each voter, from how probably its votes are right."""
        counted = np.isnan(self.table.known)
        voters, size = self.table.voters, int(self.table.voters.max(initial=-1)) + 1
        right = np.bincount(voters, probabilities[self.of_vote] * counted, size)
        given = np.bincount(voters, counted, size)
        start = self.assumed.right, self.assumed.right + self.assumed.wrong
        shares: Floats = np.clip(
            (start[0] + right) / np.maximum(start[1] + given, CERTAIN), CERTAIN, 1 - CERTAIN
        )
        return shares

    def probabilities(self, reliability: Floats) -> Floats:
        """The expectation: of each pair, from its item's votes by voters of that reliability."""
        known = self.table.known
        right = np.where(np.isnan(known), reliability[self.table.voters], known)
        wrong = np.log((1 - right) / self.assumed.alternatives)
        count = int(self.items.max(initial=-1)) + 1
        none_right = np.bincount(self.table.items, wrong, count)
        gain = np.bincount(self.of_vote, np.log(right) - wrong, len(self.items))
        scores = none_right[self.items] + gain
        # However many labels were given, the right one may be another.
        named = np.bincount(self.items, minlength=count)
        others = none_right + np.log(np.maximum(self.assumed.alternatives + 1 - named, 1))
        highest = others.copy()
        np.maximum.at(highest, self.items, scores)
        weights = np.exp(scores - highest[self.items])
        total = np.bincount(self.items, weights, count) + np.exp(others - highest)
        shares: Floats = weights / total[self.items]
        return shares
