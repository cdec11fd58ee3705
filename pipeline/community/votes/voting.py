"""From contributions to labels: which are believed, which need a person."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from pydantic import Field

from pipeline.community.staged_crops import Contributions, CropKind, StagedCrop
from pipeline.community.voted_crops import CropMember, VotedCrop, Votes, VoteStatus
from pipeline.community.votes.ballots import (
    Ballot,
    ballots_of,
    last_labels,
    majority_of_first,
    most_named_slot,
)
from pipeline.community.votes.decisions import Decision, decision_on
from pipeline.community.votes.grouping import WindowMeans, compare_images, group_near_duplicates
from pipeline.community.votes.neighbours import Layout, nearest_of_others
from pipeline.community.votes.reliability import Assumptions, VoteTable, estimate
from pipeline.manifests import Record
from pipeline.progress import Report, silent

KINDS: tuple[CropKind, ...] = ("icon", "screen")
"""What is voted on image by image; of texts `pipeline.community.text_votes` counts the strings."""
MOST_SURE = 0.999
"""Highest reliability that a vote with a known one has."""
SETTLED_BY = 5
"""Votes that agree, from which on no model is asked."""
NEIGHBOURS = 5
"""Contributors whose most similar screens speak for a screen."""
ALIKE = 0.9
"""How often the most similar screen is of the same type, at most."""
ASSUMED = Assumptions()


class VotingRules(Record):
    """How votes are counted."""

    rule: Literal["reliability", "plain"] = Field(
        "reliability",
        description="'reliability' joins near duplicates and weighs contributors by how often "
        "they are right; 'plain' takes the majority on each image of equal bytes, and of equally "
        "many the label that was sent first, and accepts it.",
    )
    quorum: int = Field(
        2,
        ge=1,
        description="How many contributors must give a label before it can be accepted; 1 lets a "
        "single one teach the model whatever it likes.",
    )
    confidence: float = Field(
        0.95, gt=0, lt=1, description="Probability of being right from which a label is accepted."
    )


@dataclass(frozen=True)
class Opinion:
    """What a model takes an image for.

    Attributes:
        reliability: the probability that it is right, 0 to 1.
    """

    label: str
    reliability: float


@dataclass(frozen=True)
class VotingSources:
    """What is known of images besides the votes.

    Attributes:
        windows: of the image of a digest (`grouping.window_means`).
        layout: of the screen of a digest (`neighbours.layout_of`).
        opinions: what a model takes images for, by their kind and digests, where it knows them;
            it is asked about groups that the votes leave open.
        report: how far reading and comparing the images is.
    """

    windows: WindowMeans
    layout: Callable[[str], Layout]
    decisions: Sequence[Decision] = ()
    opinions: Callable[[CropKind, Sequence[str]], Mapping[str, Opinion]] | None = None
    report: Report = silent


@dataclass(frozen=True)
class _Case:
    """A group of images with the votes on it."""

    kind: CropKind
    members: tuple[CropMember, ...]
    ballots: tuple[Ballot, ...]
    decision: Decision | None = None
    opinion: Opinion | None = None
    similar: Mapping[str, str] = field(default_factory=dict)
    """Of a screen, by contributor: what those call their most similar one who have not sent it."""

    @property
    def labels(self) -> dict[str, str]:
        """By contributor, one each."""
        return last_labels(self.ballots)


def count_votes(
    contributions: Sequence[Contributions], rules: VotingRules, sources: VotingSources
) -> Votes:
    """What is believed of contributions, in whatever order they come."""
    if rules.rule == "plain":
        return Votes(crops=_in_order(_plain(contributions)))
    icons, screens = (
        _with_opinions(kind, tuple(_cases(contributions, kind, sources)), sources) for kind in KINDS
    )
    screens = _with_similar(screens, sources)
    beliefs, reliability = _believed((*icons, *screens), {})
    # Screens hardly ever have two votes of their own: who is right about icons is believed.
    beliefs[len(icons) :] = _believed(screens, reliability)[0]
    judged = zip((*icons, *screens), beliefs, strict=True)
    return Votes(
        crops=_in_order(_judged(case, belief, rules) for case, belief in judged),
        reliability={who: round(share, 6) for who, share in reliability.items()},
    )


def _plain(contributions: Sequence[Contributions]) -> Iterator[VotedCrop]:
    for kind in KINDS:
        members = _members(contributions, kind)
        for digest, ballots in _by_image(ballots_of(contributions, kind)).items():
            label, share = majority_of_first(ballots)
            yield VotedCrop(
                kind=kind,
                slot=most_named_slot(ballots),
                label=label,
                status="accepted",
                confidence=share,
                votes=_by_label({one.contributor: one.label for one in ballots}),
                members=(members[digest],),
            )


def _cases(
    contributions: Sequence[Contributions], kind: CropKind, sources: VotingSources
) -> Iterator[_Case]:
    members = _members(contributions, kind)
    ballots = _by_image(ballots_of(contributions, kind))
    images = compare_images(
        ((one.sha256, one.phash, one.contributors) for one in members.values()),
        sources.windows,
        sources.report,
    )
    for group in group_near_duplicates(images, report=sources.report):
        digests = [images.digests[one] for one in group.images]
        decision = decision_on(digests, sources.decisions)
        if decision is not None and not decision.label:
            continue
        yield _Case(
            kind,
            tuple(members[digest] for digest in digests),
            tuple(sorted(ballot for digest in digests for ballot in ballots[digest])),
            decision,
        )


def _with_opinions(
    kind: CropKind, cases: Sequence[_Case], sources: VotingSources
) -> tuple[_Case, ...]:
    asked = [
        case.members[0].sha256
        for case in cases
        if len(case.labels) < SETTLED_BY or len({*case.labels.values()}) > 1
    ]
    if sources.opinions is None or not asked:
        return tuple(cases)
    given = sources.opinions(kind, asked)
    return tuple(replace(case, opinion=given.get(case.members[0].sha256)) for case in cases)


def _with_similar(screens: Sequence[_Case], sources: VotingSources) -> tuple[_Case, ...]:
    labels = [case.labels for case in screens]
    voted = [place for place, given in enumerate(labels) if given]
    if not voted:
        return tuple(screens)
    layouts = np.array([sources.layout(screens[place].members[0].sha256) for place in voted])
    owners = [frozenset(labels[place]) for place in voted]
    with_similar = list(screens)
    for place, found in zip(voted, nearest_of_others(layouts, owners, NEIGHBOURS), strict=True):
        similar = {who: labels[voted[other]][who] for who, other in sorted(found)}
        with_similar[place] = replace(screens[place], similar=similar)
    return tuple(with_similar)


def _believed(
    cases: Sequence[_Case], reliability: Mapping[str, float]
) -> tuple[list[dict[str, float]], dict[str, float]]:
    """The probability of each label of each case, and each contributor's reliability.

    Args:
        reliability: of contributors, where it is known; then similar screens speak, too.
    """
    rows = list(_rows(cases, reliability))
    labels = {name: place for place, name in enumerate(sorted({row[2] for row in rows}))}
    voters = {name: place for place, name in enumerate(sorted({row[1] for row in rows}))}
    table = VoteTable(
        np.array([row[0] for row in rows], dtype=np.intp),
        np.array([voters[row[1]] for row in rows], dtype=np.intp),
        np.array([labels[row[2]] for row in rows], dtype=np.intp),
        np.array([row[3] for row in rows], dtype=np.float64),
    )
    found = estimate(table, ASSUMED)
    beliefs: list[dict[str, float]] = [{} for _ in cases]
    names, columns = list(labels), (found.items, found.labels, found.probabilities)
    for item, label, probability in zip(*(one.tolist() for one in columns), strict=True):
        beliefs[item][names[label]] = probability
    estimated = {who: float(found.reliability[place]) for who, place in voters.items() if who}
    return beliefs, estimated


def _rows(
    cases: Iterable[_Case], reliability: Mapping[str, float]
) -> Iterator[tuple[int, str, str, float]]:
    """Item, voter, label and known reliability; whoever is no contributor has no name."""
    for item, case in enumerate(cases):
        for who, label in case.labels.items():
            yield item, who, label, reliability.get(who, math.nan)
        for who, label in case.similar.items():
            if who in reliability:
                yield item, who, label, min(reliability[who], ALIKE)
        if case.opinion is not None:
            # A model that is hardly ever right is no reason to disbelieve those who say the same.
            sure = min(max(case.opinion.reliability, ASSUMED.chance), MOST_SURE)
            yield item, "", case.opinion.label, sure
        if case.decision is not None:
            yield item, "", case.decision.label, MOST_SURE


def _judged(case: _Case, beliefs: Mapping[str, float], rules: VotingRules) -> VotedCrop:
    votes = _by_label(case.labels)
    label = _best(case, beliefs, votes)
    confidence = round(min(beliefs.get(label, 0.0), 1.0), 6)
    return VotedCrop(
        kind=case.kind,
        slot=most_named_slot(case.ballots),
        label=label,
        status="accepted" if case.decision else _status(case, label, confidence, rules),
        confidence=confidence,
        votes=votes,
        similar=_by_label(case.similar),
        members=case.members,
        decided=case.decision is not None,
        opinion=case.opinion.label if case.opinion else "",
    )


def _best(case: _Case, beliefs: Mapping[str, float], votes: Mapping[str, Sequence[str]]) -> str:
    if case.decision is not None:
        return case.decision.label
    first = majority_of_first(case.ballots)[0]
    # What a model alone says never becomes a label.
    given = {label: beliefs[label] for label in votes}
    return min(
        given, key=lambda label: (-round(given[label], 9), label != first, label), default=first
    )


def _status(case: _Case, label: str, confidence: float, rules: VotingRules) -> VoteStatus:
    given = Counter([*case.labels.values(), *case.similar.values()])
    if given.total() < rules.quorum:
        return "tentative"
    # Two invented installs that agree on a thousand images of their own look reliable.
    is_most_given = all(given[label] > count for other, count in given.items() if other != label)
    if given[label] >= rules.quorum and is_most_given and confidence >= rules.confidence:
        return "accepted"
    return "disputed" if len(given) > 1 else "tentative"


def _members(contributions: Sequence[Contributions], kind: CropKind) -> dict[str, CropMember]:
    crops: dict[str, StagedCrop] = {}
    senders: dict[str, set[str]] = defaultdict(set)
    for content in contributions:
        for crop in content.crops:
            if crop.kind == kind:
                crops[crop.sha256] = crop
                senders[crop.sha256].add(content.contributor)
    return {
        digest: CropMember(
            sha256=digest, phash=crop.phash, contributors=tuple(sorted(senders[digest]))
        )
        for digest, crop in sorted(crops.items())
    }


def _by_image(ballots: Iterable[Ballot]) -> dict[str, list[Ballot]]:
    found: dict[str, list[Ballot]] = defaultdict(list)
    for ballot in ballots:
        found[ballot.sha256].append(ballot)
    return found


def _by_label(labels: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    voters: dict[str, list[str]] = defaultdict(list)
    for who, label in sorted(labels.items()):
        voters[label].append(who)
    return {label: tuple(voters[label]) for label in sorted(voters)}


def _in_order(crops: Iterable[VotedCrop]) -> tuple[VotedCrop, ...]:
    return tuple(sorted(crops, key=lambda one: (one.kind, one.label, one.members[0].sha256)))
