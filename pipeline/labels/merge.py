"""How real batches and the synthetic set become one training set: the plan and its summary.

Planning reads and decides everything and writes nothing, so a dry run is the plan's summary;
`training_set` carries a plan out.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from pydantic import Field, model_validator

from pipeline.errors import OutpostError
from pipeline.games.pack import MergeRules
from pipeline.labels.batches import (
    DEFAULT_SUBSET,
    READ_AGAIN,
    BatchFrame,
    ExportBatch,
    Frame,
    NamedBatch,
)
from pipeline.labels.boxes import LabelledBox
from pipeline.labels.comparing.choosing import (
    Choice,
    Duplicate,
    LabelDifference,
    ReplacedBatch,
    choice_warnings,
    choose_frames,
    contradiction_warnings,
)
from pipeline.labels.comparing.corrections import CvatDownload
from pipeline.labels.comparing.leakage import Leak, find_leaks
from pipeline.labels.comparing.session_overlap import (
    PlacedFrame,
    SessionOverlap,
    session_overlap,
)
from pipeline.labels.comparing.views import Views, seen_among
from pipeline.labels.coverage import (
    ClassCoverage,
    SourceCoverage,
    boxes_by_batch,
    by_source,
    coverage_warnings,
    named_counts,
    unvalidated_classes,
    zero_real_classes,
)
from pipeline.labels.formats.yolo import YoloRow
from pipeline.labels.portable_names import flat_name
from pipeline.labels.rule_effects import MergeCounts, RuleEffect, rule_effects
from pipeline.labels.splits import Split, SplitRule, common_names, split_frames
from pipeline.labels.synthetic import SUBSETS, Subset, SyntheticImage
from pipeline.manifests import Record

REAL_PREFIX = "real_"
MOST_LEAKS = MOST_DIFFERENCES = MOST_NEAR_TEST = 100
"""Listed in a summary; all are counted."""
NEAR_TEST = "it shows the view of that frame of the subset Test"
HELD_OUT_LEAKS = "held-out frames are trained on or validate"


class MergeError(OutpostError):
    """Batches and a synthetic set that cannot be merged."""


@dataclass(frozen=True)
class RealImage:
    """A real frame with the subset that it goes to."""

    subset: Subset
    source: BatchFrame

    @property
    def frame(self) -> Frame:
        return self.source.frame

    @property
    def name(self) -> str:
        """File name in the training set; the prefix tells real frames from synthetic ones.

        Made of the batch and the frame's place in it, so that other batches change nothing.
        """
        return flat_name(self.source.key, REAL_PREFIX, left_out=DEFAULT_SUBSET)


class BatchUse(Record):
    """What became of one batch."""

    name: str
    held_out: bool
    replaced_by: str | None = Field(None, description="The batch that is a newer export of it.")
    frames: int = Field(description="Annotated frames of the batch.")
    subsets: dict[str, int] = Field({}, description="The same by subset of the export.")
    used: int = Field(description="Frames that came into the training set.")
    unlabelled: int = Field(description="Frames without any annotation.")
    rejected_shapes: int


class MergeSummary(Record):
    """What a training set holds. Counts are of images and boxes, whatever the oversampling."""

    real_train: int
    real_val: int
    synthetic_train: int
    synthetic_val: int
    total_train: int
    total_val: int
    oversample_real: int = Field(description="Times that a real training frame is listed.")
    listed_train: int = Field(description="Lines of train.txt: what one epoch goes through.")
    split: SplitRule = Field(description="What real frames were kept together by.")
    split_units: int
    validation_fraction: float
    seed: int
    unlabelled: str = Field(description="What was done with frames without any annotation.")
    per_class: dict[str, ClassCoverage]
    zero_real_classes: tuple[str, ...]
    unvalidated_classes: tuple[str, ...] | None = Field(
        None, description="Without a real box in validation; None in summaries of before."
    )
    coverage: tuple[SourceCoverage, ...] = Field(
        (), description="Boxes by source, split and class. None in summaries of before."
    )
    rules: tuple[RuleEffect, ...] = Field(
        (), description="What each rule did. None in summaries of before."
    )
    batches: tuple[BatchUse, ...]
    duplicates: tuple[Duplicate, ...] = Field(description="Images that several batches have.")
    replaced: tuple[ReplacedBatch, ...] = Field((), description="Newer exports are there of them.")
    differences: tuple[LabelDifference, ...] = Field(
        (),
        description=f"Images that batches label differently, box by box; {MOST_DIFFERENCES} at "
        "most, all in summaries of before.",
    )
    difference_count: int | None = Field(None, description="None in summaries of before.")
    held_out_by_subset: int = Field(0, description="Frames of the subset Test, in no other count.")
    left_out_near_test: int = Field(
        0, description="Frames of no subset that show the view of one of Test, in no other count."
    )
    near_test: tuple[Duplicate, ...] = Field(
        (), description=f"Those, each with the frame of Test; {MOST_NEAR_TEST} at most."
    )
    unknown_labels: dict[str, int] = Field(description="Of batches that were not replaced.")
    validation_leaks: tuple[Leak, ...] = Field(
        description=f"Validation frames that are trained on; {MOST_LEAKS} at most."
    )
    validation_leak_count: int | None = Field(None, description="None in summaries of before.")
    held_out_leaks: tuple[Leak, ...] = Field(
        description=f"Held-out frames that are trained on or validate; {MOST_LEAKS} at most."
    )
    held_out_leak_count: int | None = Field(None, description="None in summaries of before.")
    validation_sessions: SessionOverlap | None = Field(
        None, description="Validation frames beside trained sessions. None in summaries of before."
    )
    test_sessions: SessionOverlap | None = Field(
        None, description="Frames of the subset Test beside trained sessions."
    )
    warnings: tuple[str, ...]

    @model_validator(mode="before")
    @classmethod
    def _without_collisions(cls, value: Any) -> Any:
        """Training sets of before tell of images that were dropped for their names."""
        if isinstance(value, dict) and "collisions" in value:
            return {key: told for key, told in value.items() if key != "collisions"}
        return value


@dataclass(frozen=True)
class MergePlan:
    """Everything that the training set will hold."""

    class_names: tuple[str, ...]
    real: tuple[RealImage, ...]
    synthetic: tuple[SyntheticImage, ...]
    summary: MergeSummary


def open_batches(folders: Mapping[str, Path]) -> tuple[NamedBatch, ...]:
    """Read batch folders by name, in the order given: it decides where no time is known."""
    opened = ((name, folder, ExportBatch.open(folder)) for name, folder in folders.items())
    return tuple(
        NamedBatch(name, folder, export.batch, export.source.written)
        for name, folder, export in opened
    )


def plan_merge(
    batches: Sequence[NamedBatch],
    synthetic: Sequence[SyntheticImage],
    class_names: Sequence[str],
    rules: MergeRules,
) -> MergePlan:
    """Decide what the training set holds; nothing is written, and no image is read.

    Args:
        batches: in the order that decides where it is not known when they were exported. Those
            that `rules.held_out` names are kept out, and only compared with what is trained on.
        synthetic: the drawn images with their labels.
        class_names: of the game pack, in the order of their ids.
        rules: split, seed, oversampling, held-out batches.

    Raises:
        MergeError: a batch was read for other classes, or two have one name.
    """
    check_batches(batches, class_names)
    held_out = [batch for batch in batches if is_held_out(batch.name, rules)]
    usable = [batch for batch in batches if not is_held_out(batch.name, rules)]
    choice = choose_frames(usable, unlabelled=rules.unlabelled == "background")
    tested = [one for one in choice.frames if one.purpose == "test"]
    others = [one for one in choice.frames if one.purpose != "test"]
    near_tested = _views_of(tested, others)
    near = {other.key for _, other in near_tested}
    frames = [one for one in others if one.key not in near]
    split = split_frames(frames, rules, choice.sharing)
    real = tuple(RealImage("val" if f.key in split.validation else "train", f) for f in frames)
    images = _Images(real, tuple(synthetic), tuple(class_names))
    judged = [*(frame for batch in held_out for frame in batch.frames), *tested]
    leaks = _Leaks.of(real, judged)
    return MergePlan(
        class_names=tuple(class_names),
        real=real,
        synthetic=images.synthetic,
        summary=_summarise(
            _Decisions(batches, choice, split, leaks, tested, near_tested),
            images,
            rules,
        ),
    )


def _views_of(
    tested: Sequence[BatchFrame], frames: Sequence[BatchFrame]
) -> list[tuple[BatchFrame, BatchFrame]]:
    """Frames of no subset that show the view of one that is held out, each after that one."""
    if not tested:
        return []
    both = Views.of([one.fingerprint for one in (*frames, *tested)])
    shown, held_out = both.part(0, len(frames)), both.part(len(frames), len(both.prints))
    near = sorted(seen_among(shown, held_out))
    return [(tested[j], frames[i]) for i, j, _ in near if frames[i].purpose == "any"]


def is_held_out(batch: str, rules: MergeRules) -> bool:
    """Whether a batch of that name serves evaluation alone, by its name or by its task's in CVAT.

    Whether it is written in capitals does not matter: on Windows and macOS it is the same file.
    """
    download = CvatDownload.named(batch)
    names = [batch.casefold(), *([download.title] if download else [])]
    return any(fnmatchcase(name, one.casefold()) for name in names for one in rules.held_out)


def held_out_frames(batches: Sequence[NamedBatch], rules: MergeRules) -> tuple[BatchFrame, ...]:
    """The annotated frames that serve evaluation alone, each image of one batch.

    Those of the batches that `rules.held_out` names, and those of the subset Test of the others.
    """
    usable = [batch for batch in batches if not is_held_out(batch.name, rules)]
    tested = defaultdict(list)
    for one in choose_frames(usable).frames:
        if one.purpose == "test":
            tested[one.batch].append(one.frame)
    parts = (
        replace(b, batch=replace(b.batch, frames=tuple(tested[b.name]), unlabelled=()))
        for b in usable
        if tested[b.name]
    )
    held_out = [batch for batch in batches if is_held_out(batch.name, rules)]
    return choose_frames([*held_out, *parts]).frames


def held_out_leak_warnings(plan: MergePlan, judged: Sequence[BatchFrame]) -> Iterator[str]:
    """A sentence if held-out frames that a plan knows nothing of are among what it holds."""
    seen = [image.source.fingerprint for image in plan.real]
    yield from _leak_warnings(find_leaks(seen, [one.fingerprint for one in judged]), HELD_OUT_LEAKS)


@dataclass(frozen=True)
class _Leaks:
    """Frames that are judged although they are trained on."""

    validation: tuple[Leak, ...]
    held_out: tuple[Leak, ...]

    @classmethod
    def of(cls, real: Sequence[RealImage], judged: Sequence[BatchFrame]) -> _Leaks:
        trained = [image.source.fingerprint for image in real if image.subset == "train"]
        validated = [image.source.fingerprint for image in real if image.subset == "val"]
        return cls(
            find_leaks(trained, validated),
            find_leaks([*trained, *validated], [one.fingerprint for one in judged]),
        )


@dataclass(frozen=True)
class _Decisions:
    """What was decided on the way to a plan.

    Attributes:
        tested: frames that are held out by their subset.
        near_tested: frames that are left out because they show the view of one of those, each
            after that one.
    """

    batches: Sequence[NamedBatch]
    choice: Choice
    split: Split
    leaks: _Leaks
    tested: Sequence[BatchFrame]
    near_tested: Sequence[tuple[BatchFrame, BatchFrame]]

    def held_out(self, rules: MergeRules) -> tuple[BatchFrame, ...]:
        """Frames that are held out by their batch or their subset."""
        whole = (batch.frames for batch in self.batches if is_held_out(batch.name, rules))
        return (*(frame for frames in whole for frame in frames), *self.tested)


@dataclass(frozen=True)
class _Images:
    """The images of a plan, for counting."""

    real: tuple[RealImage, ...]
    synthetic: tuple[SyntheticImage, ...]
    class_names: tuple[str, ...]

    def real_in(self, subset: Subset) -> list[RealImage]:
        return [image for image in self.real if image.subset == subset]

    def synthetic_in(self, subset: Subset) -> list[SyntheticImage]:
        return [image for image in self.synthetic if image.subset == subset]

    def per_class(self) -> dict[str, ClassCoverage]:
        counts = {
            "real_train": _count(image.frame.boxes for image in self.real_in("train")),
            "real_val": _count(image.frame.boxes for image in self.real_in("val")),
            "synthetic_train": _count(image.rows for image in self.synthetic_in("train")),
            "synthetic_val": _count(image.rows for image in self.synthetic_in("val")),
        }
        return {
            name: ClassCoverage(**{part: count[index] for part, count in counts.items()})
            for index, name in enumerate(self.class_names)
        }


def _coverage(
    decisions: _Decisions, images: _Images, rules: MergeRules
) -> tuple[SourceCoverage, ...]:
    names = images.class_names
    train, val = (
        boxes_by_batch((image.source for image in images.real_in(subset)), names)
        for subset in SUBSETS
    )
    drawn_train, drawn_val = (
        named_counts(_count(image.rows for image in images.synthetic_in(subset)), names)
        for subset in SUBSETS
    )
    return (
        *by_source(train, val, boxes_by_batch(decisions.held_out(rules), names)),
        SourceCoverage(batch=None, train=drawn_train, val=drawn_val),
    )


def _effects(decisions: _Decisions, images: _Images, rules: MergeRules) -> tuple[RuleEffect, ...]:
    split, leaks = decisions.split, decisions.leaks
    counts = MergeCounts(
        real_train=len(images.real_in("train")),
        real_val=len(images.real_in("val")),
        tested=len(decisions.tested),
        near_tested=len(decisions.near_tested),
        validation_leaks=len(leaks.validation),
        held_out_leaks=len(leaks.held_out),
        split=split.rule,
        split_units=split.units,
        split_validation=split.chosen,
    )
    names = [one.name for one in decisions.batches if is_held_out(one.name, rules)]
    return rule_effects(decisions.batches, names, decisions.choice, counts, rules)


def check_batches(batches: Sequence[NamedBatch], class_names: Sequence[str]) -> None:
    """Refuse batches whose class ids mean something else, or that have one name.

    Args:
        class_names: of the game pack, in the order of their ids.

    Raises:
        MergeError: a batch was read for other classes, or two have one name.
    """
    for batch in batches:
        if batch.batch.class_names != tuple(class_names):
            raise MergeError(
                f"Batch '{batch.name}' was read for another list of classes.", READ_AGAIN
            )
    repeated = [name for name, n in Counter(b.name for b in batches).items() if n > 1]
    if repeated:
        raise MergeError(f"Two batches are named '{repeated[0]}'.", "Give each its own name.")


def _summarise(decisions: _Decisions, images: _Images, rules: MergeRules) -> MergeSummary:
    real_train, real_val = images.real_in("train"), images.real_in("val")
    validating, testing = _session_overlaps(decisions, images)
    drawn_train, drawn_val = images.synthetic_in("train"), images.synthetic_in("val")
    choice, split, leaks = decisions.choice, decisions.split, decisions.leaks
    per_class = images.per_class()
    unknown: Counter[str] = Counter()
    replaced = {one.name for one in choice.replaced}
    for batch in decisions.batches:
        if batch.name not in replaced:
            unknown.update({label.name: label.shapes for label in batch.batch.unknown_labels})
    return MergeSummary(
        real_train=len(real_train),
        real_val=len(real_val),
        synthetic_train=len(drawn_train),
        synthetic_val=len(drawn_val),
        total_train=len(real_train) + len(drawn_train),
        total_val=len(real_val) + len(drawn_val),
        oversample_real=rules.oversample_real,
        listed_train=len(real_train) * rules.oversample_real + len(drawn_train),
        split=split.rule,
        split_units=split.units,
        validation_fraction=rules.validation_fraction,
        seed=rules.seed,
        unlabelled=rules.unlabelled,
        per_class=per_class,
        zero_real_classes=zero_real_classes(per_class),
        unvalidated_classes=unvalidated_classes(per_class),
        coverage=tuple(_coverage(decisions, images, rules)),
        rules=_effects(decisions, images, rules),
        batches=tuple(_uses(decisions, images, rules)),
        duplicates=choice.duplicates,
        replaced=choice.replaced,
        differences=choice.differences[:MOST_DIFFERENCES],
        difference_count=len(choice.differences),
        held_out_by_subset=len(decisions.tested),
        left_out_near_test=len(decisions.near_tested),
        near_test=tuple(
            Duplicate(taken=held.title, left_out=one.title, why=NEAR_TEST)
            for held, one in decisions.near_tested[:MOST_NEAR_TEST]
        ),
        unknown_labels=dict(sorted(unknown.items())),
        validation_leaks=leaks.validation[:MOST_LEAKS],
        validation_leak_count=len(leaks.validation),
        held_out_leaks=leaks.held_out[:MOST_LEAKS],
        held_out_leak_count=len(leaks.held_out),
        validation_sessions=validating,
        test_sessions=testing,
        warnings=(
            *_warnings(split, images),
            *_session_warnings(validating, "validation frames"),
            *_session_warnings(testing, "frames of the subset Test"),
            *_view_warnings(decisions),
            *choice_warnings(choice),
            *contradiction_warnings(choice.frames, images.class_names),
            *coverage_warnings(per_class),
        ),
    )


def _uses(decisions: _Decisions, images: _Images, rules: MergeRules) -> Iterator[BatchUse]:
    used = Counter(image.source.batch for image in images.real)
    replaced = {one.name: one.by for one in decisions.choice.replaced}
    for batch in decisions.batches:
        yield BatchUse(
            name=batch.name,
            held_out=is_held_out(batch.name, rules),
            replaced_by=replaced.get(batch.name),
            frames=len(batch.batch.frames),
            subsets=Counter(frame.subset for frame in batch.batch.frames),
            used=used[batch.name],
            unlabelled=len(batch.batch.unlabelled),
            rejected_shapes=len(batch.batch.rejected),
        )


def _warnings(split: Split, images: _Images) -> Iterator[str]:
    if not images.real:
        yield "there are no real frames: the model will know synthetic images alone"
        return
    if split.unknown:
        yield (
            f"{split.unknown} of {len(images.real)} real frames do not tell by their names in "
            "which session they were captured, so sessions could not be kept apart; name captures "
            "<session>_<number>, or keep the names that screenshot tools give"
        )
    if not images.real_in("val"):
        yield (
            "no real frame validates: the frames are too alike to be split "
            f"({len(images.real)} frames, {split.units} groups); add another session"
        )


def _session_overlaps(
    decisions: _Decisions, images: _Images
) -> tuple[SessionOverlap, SessionOverlap]:
    """Of the frames that validate, and of those of the subset Test."""
    common = common_names(decisions.choice.sharing)

    def placed(frames: Iterable[BatchFrame]) -> list[PlacedFrame]:
        return [
            PlacedFrame(common.get(one.batch, one.batch), frame.stem, frame.subset, frame.folder)
            for one in frames
            for frame in (one.frame,)
        ]

    trained = placed(image.source for image in images.real_in("train"))
    validating = placed(image.source for image in images.real_in("val"))
    return session_overlap(trained, validating), session_overlap(trained, placed(decisions.tested))


def _session_warnings(overlap: SessionOverlap, which: str) -> Iterator[str]:
    if overlap.trained_on:
        yield (
            f"{overlap.trained_on} of {overlap.frames} {which} are of sessions that are trained "
            "on, too: a model looks better on them than in a match that it never saw; held-out "
            "batches of other sessions tell that"
        )


def _view_warnings(decisions: _Decisions) -> Iterator[str]:
    if decisions.near_tested:
        yield (
            f"{len(decisions.near_tested)} frames of no subset show the view of a frame of the "
            "subset Test, and are left out, neither trained on nor judged"
        )
    yield from _leak_warnings(decisions.leaks.validation, "validation frames are trained on")
    yield from _leak_warnings(decisions.leaks.held_out, HELD_OUT_LEAKS)


def _leak_warnings(leaks: Sequence[Leak], which: str) -> Iterator[str]:
    if leaks:
        yield (
            f"{len(leaks)} {which}, or their views, and the check 'leakage' will fail: "
            f"{leaks[0].judged} is like {leaks[0].trained}"
        )


def _count(labels: Iterable[Sequence[LabelledBox | YoloRow]]) -> Counter[int]:
    """How often each class occurs in the labels of several images."""
    return Counter(label.class_id for of_image in labels for label in of_image)
