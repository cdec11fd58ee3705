"""How real batches and the synthetic set become one training set: the plan and its summary.

Planning reads and decides everything and writes nothing, so a dry run is the plan's summary;
`training_set` carries a plan out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from pydantic import Field

from pipeline.errors import OutpostError
from pipeline.games.pack import MergeRules
from pipeline.labels.batches import READ_AGAIN, Batch, ExportBatch, Frame
from pipeline.labels.boxes import LabelledBox
from pipeline.labels.coverage import ClassCoverage, coverage_warnings, zero_real_classes
from pipeline.labels.fingerprints import NEAR_DUPLICATE_BITS, hash_distances
from pipeline.labels.formats.yolo import YoloRow
from pipeline.labels.leakage import Leak, find_leaks
from pipeline.labels.splits import Split, SplitRule, split_frames
from pipeline.labels.synthetic import Subset, SyntheticImage
from pipeline.manifests import Record

REAL_PREFIX = "real_"


class MergeError(OutpostError):
    """Batches and a synthetic set that cannot be merged."""


@dataclass(frozen=True)
class NamedBatch:
    """A batch with its name and the folder that holds its images."""

    name: str
    folder: Path
    batch: Batch


@dataclass(frozen=True)
class RealImage:
    """A real frame with the subset that it goes to and the file that it is copied from."""

    subset: Subset
    batch: str
    image: Path
    frame: Frame

    @property
    def name(self) -> str:
        """File name in the training set; the prefix tells real frames from synthetic ones."""
        return f"{REAL_PREFIX}{self.frame.stem}{PurePosixPath(self.frame.name).suffix}"


class SameStem(Record):
    """A frame that two batches hold: whose labels were kept and whose were dropped."""

    stem: str
    kept: str
    dropped: str


class BatchUse(Record):
    """What became of one batch."""

    name: str
    held_out: bool
    frames: int = Field(description="Annotated frames of the batch.")
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
    batches: tuple[BatchUse, ...]
    duplicates: tuple[SameStem, ...] = Field(description="Same stem, same image.")
    collisions: tuple[SameStem, ...] = Field(description="Same stem, another image.")
    unknown_labels: dict[str, int]
    validation_leaks: tuple[Leak, ...] = Field(description="Training against validation.")
    held_out_leaks: tuple[Leak, ...] = Field(description="Training against held-out batches.")
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class MergePlan:
    """Everything that the training set will hold."""

    class_names: tuple[str, ...]
    real: tuple[RealImage, ...]
    synthetic: tuple[SyntheticImage, ...]
    summary: MergeSummary


def open_batches(folders: Mapping[str, Path]) -> tuple[NamedBatch, ...]:
    """Read batch folders by name, in the order given: the first one's labels win."""
    return tuple(
        NamedBatch(name, folder, ExportBatch.open(folder).batch) for name, folder in folders.items()
    )


def plan_merge(
    batches: Sequence[NamedBatch],
    synthetic: Sequence[SyntheticImage],
    class_names: Sequence[str],
    rules: MergeRules,
) -> MergePlan:
    """Decide what the training set holds; nothing is written.

    Args:
        batches: in order of precedence. Those that `rules.held_out` names are kept out, and only
            compared with what is trained on.
        synthetic: the drawn images with their labels.
        class_names: of the game pack, in the order of their ids.
        rules: split, seed, oversampling, held-out batches.

    Raises:
        MergeError: a batch was read for other classes, or two have one name.
    """
    _check_batches(batches, class_names)
    usable = [batch for batch in batches if not is_held_out(batch.name, rules)]
    chosen = _choose_frames(usable, rules)
    split = split_frames([frame for _, frame in chosen.frames], rules)
    real = tuple(_placed(batch, frame, split) for batch, frame in chosen.frames)
    drawn = tuple(synthetic)
    images = _Images(real, drawn, tuple(class_names))
    return MergePlan(
        class_names=tuple(class_names),
        real=real,
        synthetic=drawn,
        summary=_summarise(batches, chosen, split, images, rules),
    )


def is_held_out(batch: str, rules: MergeRules) -> bool:
    """Whether a batch of that name serves evaluation alone."""
    return any(fnmatchcase(batch, pattern) for pattern in rules.held_out)


class _Chosen(NamedTuple):
    """Frames of all batches, each stem once, and what was met on the way."""

    frames: list[tuple[NamedBatch, Frame]]
    duplicates: list[SameStem]
    collisions: list[SameStem]


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


def _check_batches(batches: Sequence[NamedBatch], class_names: Sequence[str]) -> None:
    for batch in batches:
        if batch.batch.class_names != tuple(class_names):
            raise MergeError(
                f"Batch '{batch.name}' was read for another list of classes.", READ_AGAIN
            )
    repeated = [name for name, n in Counter(b.name for b in batches).items() if n > 1]
    if repeated:
        raise MergeError(f"Two batches are named '{repeated[0]}'.", "Give each its own name.")


def _choose_frames(batches: Iterable[NamedBatch], rules: MergeRules) -> _Chosen:
    """Each stem once, from the first batch that has it.

    Stems that differ only by case count as one: they would be one file on Windows and macOS.
    """
    duplicates: list[SameStem] = []
    collisions: list[SameStem] = []
    first: dict[str, tuple[NamedBatch, Frame]] = {}
    for batch in batches:
        unlabelled = batch.batch.unlabelled if rules.unlabelled == "background" else ()
        for frame in (*batch.batch.frames, *unlabelled):
            key = frame.stem.casefold()
            if key not in first:
                first[key] = (batch, frame)
                continue
            kept, other = first[key]
            same = SameStem(stem=frame.stem, kept=kept.name, dropped=batch.name)
            (duplicates if _alike(other, frame) else collisions).append(same)
    frames = sorted(first.values(), key=lambda item: item[1].stem)
    return _Chosen(frames, duplicates, collisions)


def _alike(one: Frame, other: Frame) -> bool:
    """The same file, or the same image encoded anew."""
    if one.sha256 == other.sha256:
        return True
    return int(hash_distances([one.phash], [other.phash])[0, 0]) <= NEAR_DUPLICATE_BITS


def _placed(batch: NamedBatch, frame: Frame, split: Split) -> RealImage:
    subset: Subset = "val" if frame.stem in split.validation else "train"
    return RealImage(subset, batch.name, batch.folder / frame.path, frame)


def _summarise(
    batches: Sequence[NamedBatch], chosen: _Chosen, split: Split, images: _Images, rules: MergeRules
) -> MergeSummary:
    real_train, real_val = images.real_in("train"), images.real_in("val")
    drawn_train, drawn_val = images.synthetic_in("train"), images.synthetic_in("val")
    per_class = images.per_class()
    trained = [image.frame.fingerprint for image in real_train]
    validated = [image.frame.fingerprint for image in real_val]
    held_out = [batch for batch in batches if is_held_out(batch.name, rules)]
    judged = [frame.fingerprint for batch in held_out for frame in batch.batch.frames]
    unknown: Counter[str] = Counter()
    for batch in batches:
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
        batches=tuple(_use_of(batch, images.real, rules) for batch in batches),
        duplicates=tuple(chosen.duplicates),
        collisions=tuple(chosen.collisions),
        unknown_labels=dict(sorted(unknown.items())),
        validation_leaks=find_leaks(trained, validated),
        held_out_leaks=find_leaks([*trained, *validated], judged),
        warnings=(*_warnings(split, images), *coverage_warnings(per_class)),
    )


def _use_of(batch: NamedBatch, real: Iterable[RealImage], rules: MergeRules) -> BatchUse:
    return BatchUse(
        name=batch.name,
        held_out=is_held_out(batch.name, rules),
        frames=len(batch.batch.frames),
        used=sum(image.batch == batch.name for image in real),
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


def _count(labels: Iterable[Sequence[LabelledBox | YoloRow]]) -> Counter[int]:
    """How often each class occurs in the labels of several images."""
    return Counter(label.class_id for of_image in labels for label in of_image)
