"""Votes on texts that were read: what a reading stands for, where enough people agree.

A reader of texts takes one letter for another, and always in the same way. Where people corrected
a reading, the same reading can be corrected for everybody. Each install has one vote on each
reading: what it says last, or nothing where it says two things on that day. Who confirmed a reading
as it is votes for it, too.

What comes out can be applied once and blindly:

- no text that is valid is ever changed, and where a pack lists valid texts, only they come out;
- what comes out is never corrected any further, so that there are no chains and no cycles, also
  where capitals make no difference, as to `detector_runtime.classify.text`, which applies it.
"""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Literal

from detector_runtime.classify.text import text_key
from pydantic import Field

from pipeline.community.staged_crops import Contributions
from pipeline.manifests import Record

Outcome = Literal[
    "corrected",
    "right as it is",
    "too few votes",
    "no majority",
    "is itself corrected",
]


class TextVotingRules(Record):
    """When a correction is believed."""

    quorum: int = Field(
        2,
        ge=1,
        description="How many contributors must correct a reading alike before it is corrected "
        "for everybody.",
    )


class TextVotes(Record):
    """The votes on one reading, and what they come to."""

    slot: str
    raw: str = Field(description="As it was read, its spaces and Unicode normalised.")
    votes: dict[str, tuple[str, ...]] = Field(
        description="Contributors by what they say it is; the reading itself where it was right."
    )
    text: str = Field(description="What most say, also where that is not believed.")
    outcome: Outcome


def normalised(text: str) -> str:
    """A text in the one form in which readings are compared: NFKC, single spaces, case kept."""
    return " ".join(unicodedata.normalize("NFKC", text).split())


def count_text_votes(
    contributions: Sequence[Contributions],
    valid: Mapping[str, Sequence[str]],
    rules: TextVotingRules,
) -> tuple[TextVotes, ...]:
    """What is believed of every reading, by slot and text; the order of contributions is no matter.

    Args:
        valid: the texts that are valid in each slot; of a slot without any, every text is, and one
            that is not named holds no texts.
    """
    judged: list[TextVotes] = []
    for (slot, raw), votes in sorted(_votes(contributions, valid).items()):
        judged.append(_judged(slot, raw, votes, rules))
    becomes: dict[tuple[str, str], set[str]] = defaultdict(set)
    for one in judged:
        if one.outcome == "corrected":
            becomes[one.slot, text_key(one.raw)].add(one.text)
    return tuple(
        one.model_copy(update={"outcome": "is itself corrected"})
        if one.outcome == "corrected" and becomes[one.slot, text_key(one.text)] - {one.text}
        else one
        for one in judged
    )


def _votes(
    contributions: Iterable[Contributions], valid: Mapping[str, Sequence[str]]
) -> dict[tuple[str, str], dict[str, str]]:
    """What each contributor says of each reading, by slot and reading."""
    said: dict[tuple[str, str], dict[str, dict[date, set[str]]]] = defaultdict(dict)
    allowed = {slot: {normalised(text): text for text in texts} for slot, texts in valid.items()}
    known = {slot: {*map(text_key, texts)} for slot, texts in allowed.items()}
    spelt = {slot: {_letters(text): text for text in texts} for slot, texts in allowed.items()}
    for content in contributions:
        for crop in content.crops:
            if crop.kind != "text" or crop.slot not in allowed:
                continue
            name, raw = normalised(crop.name), normalised(crop.ml_name or crop.name)
            if not raw or text_key(raw) in known[crop.slot]:
                continue  # a valid text stands for itself, whatever anybody says
            if allowed[crop.slot] and name not in allowed[crop.slot]:
                continue
            if spelt[crop.slot].get(_letters(raw), name) != name:
                continue  # of "Tier4" nothing but "Tier 4" can be meant
            days = said[crop.slot, raw].setdefault(content.contributor, {})
            days.setdefault(crop.date, set()).add(allowed[crop.slot].get(name, name))
    last = {
        reading: {who: days[max(days)] for who, days in voters.items()}
        for reading, voters in said.items()
    }
    return {
        reading: {who: next(iter(texts)) for who, texts in voters.items() if len(texts) == 1}
        for reading, voters in last.items()
    }


def _letters(text: str) -> str:
    return "".join(text.split()).casefold()


def _judged(slot: str, raw: str, labels: Mapping[str, str], rules: TextVotingRules) -> TextVotes:
    voters: dict[str, list[str]] = defaultdict(list)
    for who, text in sorted(labels.items()):
        voters[text].append(who)
    votes = {text: tuple(voters[text]) for text in sorted(voters)}
    text = min(votes, key=lambda one: (-len(votes[one]), one), default=raw)
    return TextVotes(
        slot=slot, raw=raw, votes=votes, text=text, outcome=_outcome(raw, text, votes, rules)
    )


def _outcome(
    raw: str, text: str, votes: Mapping[str, Sequence[str]], rules: TextVotingRules
) -> Outcome:
    if text == raw:
        return "right as it is"
    given = len(votes[text])
    if given < rules.quorum:
        return "too few votes"
    return "corrected" if 2 * given > sum(map(len, votes.values())) else "no majority"
