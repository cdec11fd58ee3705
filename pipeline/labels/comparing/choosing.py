"""Which frames of several batches are used, each image once, and what that leaves out."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Any, NamedTuple

from pydantic import Field, model_validator

from pipeline.labels.batches import Batch, BatchFrame, NamedBatch
from pipeline.labels.comparing.box_differences import BoxDifference, box_differences, counted
from pipeline.labels.comparing.corrections import in_precedence, source_of, why_taken
from pipeline.labels.comparing.same_images import same_images
from pipeline.manifests import Record

FIRST_BY_NAME = "the first by name"


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
    """Frames of all batches, each image once.

    Attributes:
        frames: sorted by name, then by batch, subset and folder.
        duplicates: frames left out, apart from those of batches that were replaced whole.
        differences: where labels of one image differ, those of replaced batches included.
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
    exported later is taken; an image that one of them holds in its Test subset stays there.

    Args:
        batches: of different names, in the order that decides where no time is known.
        unlabelled: whether frames without annotations are used too.
    """
    ordered = in_precedence(batches)
    everything = _Everything.of(ordered)
    replaced = _replaced(ordered, everything)
    images = _SameImages(everything, {one.name: one.by for one in replaced}, unlabelled)
    named = {batch.name: batch for batch in batches}
    duplicates, differences, left_out = [], [], set()
    for taken, other in images.left_out():
        why = why_taken(named[taken.batch], named[other.batch])
        if _is_test(taken) and not _is_test(other):
            why = "it is held out there, by its subset"
        left_out.add(other.key)
        if other.batch not in images.replaced:
            duplicates.append(Duplicate(taken=taken.title, left_out=other.title, why=why))
        boxes = box_differences(
            taken.frame.boxes, other.frame.boxes, named[taken.batch].batch.class_names
        )
        if boxes:
            differences.append(
                LabelDifference(taken=taken.title, left_out=other.title, why=why, boxes=boxes)
            )
    frames = [frame for frame in images.usable() if frame.key not in left_out]
    frames.sort(key=lambda one: (one.frame.stem, one.key))
    return Choice(tuple(frames), tuple(duplicates), tuple(differences), replaced)


def choice_warnings(choice: Choice) -> Iterator[str]:
    """One sentence for each two batches that have the same images."""
    for one in choice.replaced:
        yield f"'{one.name}' is not used: '{one.by}' is {one.why}"
    duplicates = Counter((_batch(d.left_out), _batch(d.taken), d.why) for d in choice.duplicates)
    for (left_out, taken, why), count in duplicates.items():
        yield (
            f"{count} images of '{left_out}' are in '{taken}' too, and were taken from there: {why}"
        )
    differing: dict[tuple[str, str], list[LabelDifference]] = defaultdict(list)
    for found in choice.differences:
        differing[_batch(found.left_out), _batch(found.taken)].append(found)
    for (left_out, taken), found_all in differing.items():
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
    newest: dict[str, NamedBatch] = {}
    found = []
    for batch in ordered:
        source = source_of(batch)
        if source is None:
            continue
        newer = newest.setdefault(source, batch)
        pairs = ((batch, newer), (newer, batch))
        if newer is not batch and any(
            2 * shared[one.name, other.name] >= _size(one.batch) for one, other in pairs
        ):
            why = why_taken(newer, batch)
            found.append(ReplacedBatch(name=batch.name, by=newer.name, why=why))
    return tuple(sorted(found, key=lambda one: one.name))


def _is_test(frame: BatchFrame) -> bool:
    return frame.frame.purpose == "test"


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
        frames = self.everything.frames
        for group in self.everything.groups:
            usable = [index for index in group if self._is_usable(index)]
            # In order of precedence, as all frames are.
            tested = [index for index in usable if _is_test(frames[index])]
            first = next(iter((*tested, *usable)), None)
            if first is not None:
                taken = [i for i in usable if frames[i].batch == frames[first].batch]
                for index in usable:
                    if frames[index].batch != frames[first].batch:
                        yield self._like(index, taken), frames[index]
            for index in group:
                by = self.replaced.get(frames[index].batch)
                there = [i for i in group if frames[i].batch == by]
                if there and self.everything.labelled[index]:
                    yield self._like(index, there), frames[index]

    def _is_usable(self, index: int) -> bool:
        labelled = self.everything.labelled[index] or self.unlabelled
        return labelled and self.everything.frames[index].batch not in self.replaced

    def _like(self, index: int, taken: Sequence[int]) -> BatchFrame:
        """The one of them that is most surely the same: by bytes, then by place, then the first."""
        wanted = self.everything.frames[index].frame

        def unlikeness(other: int) -> tuple[bool, bool]:
            frame = self.everything.frames[other].frame
            return frame.place != wanted.place, frame.sha256 != wanted.sha256

        return self.everything.frames[min(taken, key=unlikeness)]
