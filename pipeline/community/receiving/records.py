"""The lines of `annotations.jsonl`: one label for each image, or none."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from detector_runtime.contribute.records import ContributionRecord
from pydantic import ValidationError

from pipeline.community.receiving.refusals import ReceivingLimits, Refusal
from pipeline.community.staged_crops import CropKind
from pipeline.games.sections.community import CommunityRules

CLOCK_AHEAD = timedelta(days=1)
"""Clocks are wrong, and days begin elsewhere earlier than by UTC."""


@dataclass(frozen=True)
class Label:
    """What a record says of an image, once it can be true."""

    kind: CropKind
    record: ContributionRecord


@dataclass(frozen=True)
class Labels:
    """All that an install says.

    Attributes:
        by_digest: the label of each image, by the digest that the record states; in the order of
            the lines.
        private: digests that some record files under a private slot: those images are not read.
        stated: digests that any record states, believed or not.
        refused: counted by reason.
    """

    by_digest: Mapping[str, Label]
    private: frozenset[str]
    stated: frozenset[str]
    refused: Counter[str]


def read_records(
    content: bytes, rules: CommunityRules, today: date, limits: ReceivingLimits
) -> Labels:
    """Read records; the last line on an image is its label.

    Args:
        content: of `annotations.jsonl`; anything at all.
        rules: the game's.
        today: by UTC.
    """
    reader = _RecordReader(rules, today)
    refused, private = Counter[str](), set[str]()
    labels: dict[str, Label] = {}
    stated = set[str]()
    for number, line in enumerate(_lines(content, limits.line_bytes)):
        if number == limits.lines:
            refused[Refusal.TOO_MANY_LINES] += 1
            break
        record = _parsed(line)
        if record is None:
            refused[Refusal.BROKEN_LINE] += 1
            continue
        stated.add(record.crop_sha256)
        found = reader.label_of(record)
        if isinstance(found, Refusal):
            refused[found] += 1
            if found is Refusal.PRIVATE_SLOT:
                private.add(record.crop_sha256)
        else:
            if labels.pop(record.crop_sha256, None) is not None:
                refused[Refusal.REPLACED] += 1
            labels[record.crop_sha256] = found
    kept = _within_limits(labels, private, refused, limits)
    return Labels(kept, frozenset(private), frozenset(stated), refused)


class _RecordReader:
    """Compares single records with what the game allows."""

    def __init__(self, rules: CommunityRules, today: date) -> None:
        self._private = frozenset(rules.private_slots)
        self._icon_slots, self._icons = frozenset(rules.icon_slots), frozenset(rules.icons)
        self._texts = {slot: frozenset(texts) for slot, texts in rules.text_slots.items()}
        self._latest = today + CLOCK_AHEAD

    def label_of(self, record: ContributionRecord) -> Label | Refusal:
        if record.slot in self._private:
            return Refusal.PRIVATE_SLOT
        kind: CropKind = "icon" if record.slot in self._icon_slots else "text"
        if kind == "icon":
            names = self._icons
        elif record.slot in self._texts:
            names = self._texts[record.slot]
        else:
            return Refusal.UNKNOWN_SLOT
        if not (_is_shown(record.name) and (not record.ml_name or record.ml_name.isprintable())):
            return Refusal.UNPRINTABLE_NAME
        if names and record.name not in names:
            return Refusal.UNKNOWN_NAME
        if record.date > self._latest:
            return Refusal.FUTURE_DATE
        return Label(kind, record)


def _within_limits(
    labels: dict[str, Label], private: set[str], refused: Counter[str], limits: ReceivingLimits
) -> dict[str, Label]:
    kept: dict[str, Label] = {}
    days = Counter[date]()
    for digest, label in labels.items():
        day = label.record.date
        if digest in private:
            continue
        if days[day] >= limits.a_day:
            refused[Refusal.TOO_MANY_A_DAY] += 1
        elif len(kept) >= limits.crops:
            refused[Refusal.TOO_MANY] += 1
        else:
            days[day] += 1
            kept[digest] = label
    return kept


def _lines(content: bytes, longest: int) -> Iterator[bytes]:
    """Lines that say something; of one that is too long the beginning, which is no record."""
    # Not split: millions of empty lines would take thirty times their size.
    for line in io.BytesIO(content):
        if not line.isspace():
            yield line if len(line) <= longest else line[:longest]


def _parsed(line: bytes) -> ContributionRecord | None:
    try:
        return ContributionRecord.model_validate_json(line)
    except ValidationError:
        return None


def _is_shown(name: str) -> bool:
    """Whether a name is what it looks like: no line breaks, no marks of direction, no blanks around
    it."""
    return name.isprintable() and name == name.strip()
