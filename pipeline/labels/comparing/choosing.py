"""Which frames of several batches are used, each image of one batch, and what is left out."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations, takewhile
from typing import Any, NamedTuple

from pydantic import Field, model_validator

from pipeline.labels.batches import Batch, BatchFrame, FrameKey, NamedBatch, Purpose
from pipeline.labels.comparing.box_differences import BoxDifference, box_differences, counted
from pipeline.labels.comparing.corrections import (
    in_precedence,
    is_later,
    source_of,
    why_taken,
)
from pipeline.labels.comparing.same_images import same_images
from pipeline.manifests import Record

EMPTIED = "the other, which was exported later, has no labels there"
FIRST_BY_NAME = "the first by name"
PRECEDENCE: tuple[Purpose, ...] = ("test", "validation", "train", "any")
"""What an image is for that batches have in several subsets: the first of these."""


class Duplicate(Record):
    """An image that two batches have: which frame was taken, which was left out, and why."""

    taken: str = Field(description="Batch and place of the frame.")
    left_out: str
    why: str

    @model_validator(mode="before")
    @classmethod
    def _by_stem(cls, value: Any) -> Any:
        """Training sets of before told batches, and the one stem that the frames had."""
        if isinstance(value, dict) and "stem" in value:
            taken, left_out = (f"{value[key]}/{value['stem']}" for key in ("kept", "dropped"))
            return {"taken": taken, "left_out": left_out, "why": FIRST_BY_NAME}
        return value


class LabelDifference(Record):
    """An image that two batches label differently."""

    taken: str = Field(description="Batch and place of the frame whose labels were taken.")
    left_out: str
    why: str
    boxes: tuple[BoxDifference, ...] = Field(description="What makes the others those taken.")


class ReplacedBatch(Record):
    """A batch of which no frame is used, because a newer export of the same is there."""

    name: str
    by: str
    why: str


@dataclass(frozen=True)
class Choice:
    """Frames of all batches, each image of one batch, as often as that holds it.

    Attributes:
        frames: sorted by name, then by batch, subset and folder.
        duplicates: frames left out, apart from those of batches that were replaced whole.
        differences: where labels of one image differ, those of replaced batches included, and
            those that a later batch has without labels.
    """

    frames: tuple[BatchFrame, ...]
    duplicates: tuple[Duplicate, ...]
    differences: tuple[LabelDifference, ...]
    replaced: tuple[ReplacedBatch, ...]

    @property
    def sharing(self) -> set[tuple[str, str]]:
        """Batches that have images in common, two by two."""
        return {(_batch(one.taken), _batch(one.left_out)) for one in self.duplicates}


def choose_frames(batches: Sequence[NamedBatch], unlabelled: bool = False) -> Choice:
    """Choose frames by content; names tell nothing, as all videos call their frames alike.

    A newer export of the same task, job or project replaces the older one, if half of the frames
    of one of them are in the other. Of any other batches that hold an image, the one that was
    exported later is taken; an image that one of them holds in its subset Test, Validation or
    Train, in this order, is for that, whichever is taken.

    Args:
        batches: of different names, in the order that decides where no time is known.
        unlabelled: whether frames without annotations are used too.
    """
    ordered = in_precedence(batches)
    everything = _Everything.of(ordered)
    replaced = _replaced(ordered, everything)
    images = _SameImages(everything, {one.name: one.by for one in replaced}, unlabelled)
    named = {batch.name: batch for batch in batches}
    duplicates, left_out = [], set()
    differences: list[LabelDifference] = []
    for taken, other in images.left_out():
        why = why_taken(named[taken.batch], named[other.batch])
        left_out.add(other.key)
        if other.batch not in images.replaced:
            duplicates.append(Duplicate(taken=taken.title, left_out=other.title, why=why))
        differences.extend(_difference(taken, other, why, named))
    for taken, other in images.later_unlabelled():
        if is_later(named[other.batch], named[taken.batch]):
            differences.extend(_difference(taken, other, EMPTIED, named))
    purposes = dict(images.purposes())
    frames = [
        frame._replace(given=purposes.get(frame.key))
        for frame in images.usable()
        if frame.key not in left_out
    ]
    frames.sort(key=lambda one: (one.frame.stem, one.key))
    return Choice(tuple(frames), tuple(duplicates), tuple(differences), replaced)


def _difference(
    taken: BatchFrame, other: BatchFrame, why: str, named: Mapping[str, NamedBatch]
) -> Iterator[LabelDifference]:
    class_names = named[taken.batch].batch.class_names
    boxes = box_differences(taken.frame.boxes, other.frame.boxes, class_names)
    if boxes:
        yield LabelDifference(taken=taken.title, left_out=other.title, why=why, boxes=boxes)


def contradiction_warnings(
    frames: Sequence[BatchFrame], class_names: Sequence[str]
) -> Iterator[str]:
    """One sentence for each batch that labels images of the same bytes differently."""
    first: dict[tuple[str, str], BatchFrame] = {}
    found: dict[str, list[str]] = defaultdict(list)
    for one in frames:
        other = first.setdefault((one.batch, one.frame.sha256), one)
        if box_differences(other.frame.boxes, one.frame.boxes, class_names):
            found[one.batch].append(f"'{other.title}' and '{one.title}'")
    for batch, pairs in found.items():
        yield (
            f"{len(pairs)} images of '{batch}' are the same as another one of it and have other "
            f"labels, and both are used: {pairs[0]}"
        )


def choice_warnings(choice: Choice) -> Iterator[str]:
    """One sentence for each two batches that have the same images."""
    for one in choice.replaced:
        yield f"'{one.name}' is not used: '{one.by}' is {one.why}"
    duplicates = Counter((_batch(d.left_out), _batch(d.taken), d.why) for d in choice.duplicates)
    for (left_out, taken, why), count in duplicates.items():
        yield (
            f"{count} images of '{left_out}' are in '{taken}' too, and were taken from there: {why}"
        )
    given = Counter((one.batch, one.given) for one in choice.frames if one.given)
    for (batch, purpose), count in given.items():
        yield (
            f"{count} images of '{batch}' are for {purpose}, because another batch has them in "
            "that subset"
        )
    differing: dict[tuple[str, str], list[LabelDifference]] = defaultdict(list)
    for found in choice.differences:
        differing[_batch(found.left_out), _batch(found.taken)].append(found)
    for (left_out, taken), found_all in differing.items():
        if found_all[0].why == EMPTIED:
            yield (
                f"{len(found_all)} images that '{taken}' labels are without labels in "
                f"'{left_out}', which was exported later; the labels are used, because these "
                "frames may be not annotated yet: if they are empty on purpose, take "
                f"'{taken}' out"
            )
            continue
        boxes = counted([box for one in found_all for box in one.boxes])
        yield (
            f"'{taken}' labels {len(found_all)} images otherwise than '{left_out}', and its labels "
            f"were taken: {boxes}"
        )


def _batch(title: str) -> str:
    return title.partition("/")[0]


class _Everything(NamedTuple):
    """All frames, in order of precedence, and the groups of those that show one image."""

    frames: list[BatchFrame]
    labelled: list[bool]
    groups: tuple[tuple[int, ...], ...]

    @classmethod
    def of(cls, ordered: Sequence[NamedBatch]) -> _Everything:
        frames = [frame for batch in ordered for frame in (*batch.frames, *batch.unlabelled)]
        labelled = [
            is_labelled
            for batch in ordered
            for is_labelled, count in (
                (True, len(batch.batch.frames)),
                (False, len(batch.batch.unlabelled)),
            )
            for _ in range(count)
        ]
        return cls(frames, labelled, same_images([frame.fingerprint for frame in frames]))


def _replaced(ordered: Sequence[NamedBatch], everything: _Everything) -> tuple[ReplacedBatch, ...]:
    """Older exports of what there is a newer export of."""
    shared: Counter[tuple[str, str]] = Counter()
    for group in everything.groups:
        frames = Counter(everything.frames[index].batch for index in group)
        for one, other in permutations(frames, 2):
            shared[one, other] += frames[one]
    of_source: dict[str, list[NamedBatch]] = defaultdict(list)
    found: dict[str, ReplacedBatch] = {}
    for batch in ordered:
        source = source_of(batch)
        if source is None:
            continue
        # Any of them: the newest may be of another task of that name.
        newer = next((one for one in of_source[source] if _are_alike(one, batch, shared)), None)
        if newer is not None:
            by = found[newer.name].by if newer.name in found else newer.name
            why = why_taken(newer, batch)
            found[batch.name] = ReplacedBatch(name=batch.name, by=by, why=why)
        of_source[source].append(batch)
    return tuple(sorted(found.values(), key=lambda one: one.name))


def _are_alike(one: NamedBatch, other: NamedBatch, shared: Mapping[tuple[str, str], int]) -> bool:
    """Whether half of the images of one of them are in the other."""
    counts = ((shared.get((a.name, b.name), 0), a) for a, b in permutations((one, other)))
    return any(count > 0 and 2 * count >= _size(batch.batch) for count, batch in counts)


def _size(batch: Batch) -> int:
    return len(batch.frames) + len(batch.unlabelled)


@dataclass(frozen=True)
class _SameImages:
    """Decides for each image that several batches have."""

    everything: _Everything
    replaced: Mapping[str, str]
    unlabelled: bool

    def usable(self) -> Iterator[BatchFrame]:
        """Frames that would be used if each image were there once."""
        frames = self.everything.frames
        return (frame for index, frame in enumerate(frames) if self._is_usable(index))

    def left_out(self) -> Iterator[tuple[BatchFrame, BatchFrame]]:
        """The frame that is taken with each that shows the same image and is not."""
        for group in self.everything.groups:
            usable = self._usable_of(group)
            if usable:
                taken = _Alike(one for one in usable if one.batch == usable[0].batch)
                for frame in usable:
                    if frame.batch != usable[0].batch:
                        yield taken.most_like(frame), frame
            yield from self._replaced_of(group)

    def later_unlabelled(self) -> Iterator[tuple[BatchFrame, BatchFrame]]:
        """The frame that is taken with each unlabelled one of a batch that goes before its own."""
        for group in self.everything.groups:
            before = list(takewhile(lambda index: not self._is_usable(index), group))
            usable = self._usable_of(group)
            if before and usable:
                taken = _Alike(one for one in usable if one.batch == usable[0].batch)
                for frame in (self.everything.frames[index] for index in before):
                    if frame.batch not in self.replaced:
                        yield taken.most_like(frame), frame

    def purposes(self) -> Iterator[tuple[FrameKey, Purpose]]:
        """What frames are for whose image another batch has in a subset that goes before."""
        for group in self.everything.groups:
            usable = self._usable_of(group)
            held = {one.purpose for one in usable}
            given: Purpose = next((purpose for purpose in PRECEDENCE if purpose in held), "any")
            if given != "any" and len({one.batch for one in usable}) > 1:
                for frame in usable:
                    if frame.purpose != given:
                        yield frame.key, given

    def _replaced_of(self, group: Sequence[int]) -> Iterator[tuple[BatchFrame, BatchFrame]]:
        frames = [self.everything.frames[index] for index in group]
        if self.replaced.keys().isdisjoint(one.batch for one in frames):
            return
        of_batch: dict[str, list[BatchFrame]] = defaultdict(list)
        for frame in frames:
            of_batch[frame.batch].append(frame)
        alike = {batch: _Alike(found) for batch, found in of_batch.items()}
        for index, frame in zip(group, frames, strict=True):
            there = alike.get(self.replaced.get(frame.batch, ""))
            if there and self.everything.labelled[index]:
                yield there.most_like(frame), frame

    def _usable_of(self, group: Sequence[int]) -> list[BatchFrame]:
        """In order of precedence, as all frames are."""
        return [self.everything.frames[index] for index in group if self._is_usable(index)]

    def _is_usable(self, index: int) -> bool:
        labelled = self.everything.labelled[index] or self.unlabelled
        return labelled and self.everything.frames[index].batch not in self.replaced


class _Alike:
    """Frames of one batch that show one image, by their places and their bytes."""

    def __init__(self, frames: Iterable[BatchFrame]) -> None:
        self._found: dict[tuple[str | None, str | None], BatchFrame] = {}
        for frame in frames:
            for key in self._keys(frame):
                self._found.setdefault(key, frame)

    def most_like(self, wanted: BatchFrame) -> BatchFrame:
        """The one that is most surely the same: by place, then by bytes, then the first."""
        return next(self._found[key] for key in self._keys(wanted) if key in self._found)

    @staticmethod
    def _keys(frame: BatchFrame) -> tuple[tuple[str | None, str | None], ...]:
        place, sha256 = frame.frame.place, frame.frame.sha256
        return ((place, sha256), (place, None), (None, sha256), (None, None))
