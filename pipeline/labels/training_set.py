"""The training set on disk: carrying out a merge plan, reading the set, checking it.

How ultralytics finds its way (`data/utils.py` and `data/base.py`, 8.4): without a `path` key, the
data set's file is resolved from its own folder, wherever training is started; a listed line that
begins with `./` from the folder of its list; a label by replacing the last `/images/` of the
image's path. So the set can be moved as a whole. It also writes `labels/*.cache` beside the
labels: train on a copy, or on links, and leave the artifact as it is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import yaml
from PIL import Image
from pydantic import Field

from pipeline.errors import OutpostError
from pipeline.files import read_json, write_json, write_text
from pipeline.labels.comparing.leakage import fingerprint_of
from pipeline.labels.fingerprints import Fingerprint
from pipeline.labels.formats.yolo import LabelFileError, YoloRow, format_labels, read_rows
from pipeline.labels.images import UNREADABLE
from pipeline.labels.merge import REAL_PREFIX, MergePlan, MergeSummary, RealImage
from pipeline.labels.synthetic import SUBSETS, Subset, SyntheticImage
from pipeline.links import link_file
from pipeline.manifests import Record
from pipeline.progress import Report, silent, track

DATASET_FILE = "dataset.yaml"
SUMMARY_FILE = "merge_summary.json"
REAL_FRAMES_FILE = "real_frames.jsonl"
LIST_FILES: Mapping[Subset, str] = {"train": "train.txt", "val": "val.txt"}

MERGE_AGAIN = "Materialize cvat_merge again."


class TrainingSetError(OutpostError):
    """A training set that cannot be read."""


class MergedFrame(Record):
    """Where a real image of a training set comes from, and what it is compared by."""

    image: str = Field(description="Path relative to the training set, forward slashes.")
    batch: str
    place: str = Field(description="Subset, folder and name within the batch.")
    width: int
    height: int
    sha256: str
    phash: str
    thumbnail: str

    @property
    def title(self) -> str:
        """Batch and place, for people."""
        return f"{self.batch}/{self.place}"

    @property
    def fingerprint(self) -> Fingerprint:
        size = (self.width, self.height)
        return Fingerprint(self.place, self.sha256, self.phash, self.thumbnail, size, self.batch)

    @classmethod
    def of(cls, real: RealImage) -> MergedFrame:
        frame = real.frame
        return cls(
            image=f"images/{real.subset}/{real.name}",
            batch=real.source.batch,
            place=frame.place,
            width=frame.width,
            height=frame.height,
            sha256=frame.sha256,
            phash=frame.phash,
            thumbnail=frame.thumbnail,
        )


@dataclass(frozen=True)
class TrainingSet:
    """The artifact of `cvat_merge`.

        images/{train,val}      every image once
        labels/{train,val}      its label file, of the same stem
        train.txt, val.txt      what an epoch goes through
        dataset.yaml            lists and classes, for ultralytics
        real_frames.jsonl       where each real image comes from, one a line
        merge_summary.json      what the set holds

    Attributes:
        class_names: in the order of their ids.
        listed: paths of images relative to the folder, real training frames several times.
    """

    folder: Path
    class_names: tuple[str, ...]
    listed: Mapping[Subset, tuple[str, ...]]
    summary: MergeSummary

    @classmethod
    def open(cls, folder: Path) -> TrainingSet:
        """Read what `write` wrote; images and labels are left for later.

        Raises:
            TrainingSetError: a file is missing, damaged, or of another version.
        """
        names = read_class_names(folder)
        listed = {subset: _listed(folder, subset) for subset in SUBSETS}
        summary = read_json(folder / SUMMARY_FILE, MergeSummary, _no_summary)
        told: Mapping[Subset, int] = {"train": summary.listed_train, "val": summary.total_val}
        for subset, lines in told.items():
            if len(listed[subset]) != lines:
                raise TrainingSetError(
                    f"{folder / LIST_FILES[subset]} has {len(listed[subset])} lines, and the "
                    f"summary tells of {lines}.",
                    MERGE_AGAIN,
                )
        return cls(folder, names, listed, summary)

    @classmethod
    def write(cls, folder: Path, plan: MergePlan, report: Report = silent) -> TrainingSet:
        """Write the set that a plan describes; images are hard-linked where the disk allows it.

        Args:
            folder: new or empty.
            plan: its images must still lie where they were.
            report: told after every image.

        Raises:
            TrainingSetError: a file of it is there already.
        """
        for kind in ("images", "labels"):
            for subset in SUBSETS:
                (folder / kind / subset).mkdir(parents=True, exist_ok=True)
        images: list[RealImage | SyntheticImage] = [*plan.synthetic, *plan.real]
        for image in track(images, len(images), "merge images", report):
            try:
                _write_image(folder, image)
            except FileExistsError as error:
                raise TrainingSetError(
                    f"Two files of the training set have one name ({error}).",
                    "Write it into an empty folder; if it was one, rename the frame's batch.",
                ) from error
        listed = {subset: tuple(_lines(plan, subset)) for subset in SUBSETS}
        for subset, lines in listed.items():
            write_text(folder / LIST_FILES[subset], "".join(f"./{line}\n" for line in lines))
        names = dict(enumerate(plan.class_names))
        dataset = {"train": LIST_FILES["train"], "val": LIST_FILES["val"], "names": names}
        write_text(folder / DATASET_FILE, yaml.safe_dump(dataset, sort_keys=False))
        frames = (MergedFrame.of(real).model_dump_json() for real in plan.real)
        write_text(folder / REAL_FRAMES_FILE, "".join(f"{line}\n" for line in frames))
        write_json(folder / SUMMARY_FILE, plan.summary.model_dump(mode="json"))
        return cls(folder, plan.class_names, listed, plan.summary)

    @staticmethod
    def is_in(folder: Path) -> bool:
        """Whether a folder looks like a training set; `open` says whether it is one."""
        return (folder / LIST_FILES["train"]).is_file()

    def images(self, subset: Subset) -> tuple[Path, ...]:
        """The files of a subset's images, each once, by name."""
        return tuple(self.folder / name for name in sorted(set(self.listed[subset])))

    def labels_of(self, image: str | Path) -> Path:
        """The label file of an image of the set."""
        path = PurePosixPath(image)
        return self.folder / "labels" / path.parent.name / f"{path.stem}.txt"

    def rows_of(self, image: str | Path) -> tuple[YoloRow, ...]:
        """The labels of an image of the set.

        Raises:
            TrainingSetError: they are missing or not what they should be.
        """
        try:
            return read_rows(self.labels_of(image), len(self.class_names))
        except LabelFileError as error:
            raise TrainingSetError(error.problem, MERGE_AGAIN) from error

    def fingerprints(self) -> tuple[Fingerprint, ...]:
        """What the real images are compared by, read from the images if the set is of before.

        Raises:
            TrainingSetError: it is damaged.
        """
        if self.summary.validation_leak_count is None:
            listed = sorted({line for lines in self.listed.values() for line in lines})
            return tuple(fingerprint_of(self.folder / line) for line in listed if is_real(line))
        return tuple(frame.fingerprint for frame in self.real_frames())

    def real_frames(self) -> tuple[MergedFrame, ...]:
        """Where the real images come from; of a set of before that is not known of any.

        Raises:
            TrainingSetError: it is damaged.
        """
        if self.summary.validation_leak_count is None:
            return ()
        file = self.folder / REAL_FRAMES_FILE
        try:
            with file.open(encoding="utf-8") as lines:
                frames = [MergedFrame.model_validate_json(line) for line in lines]
        except (OSError, ValueError) as error:
            raise TrainingSetError(f"{file} cannot be read: {error}", MERGE_AGAIN) from error
        real = self.summary.real_train + self.summary.real_val
        if len(frames) != real:
            raise TrainingSetError(
                f"{file} tells of {len(frames)} of {real} real images.", MERGE_AGAIN
            )
        return tuple(frames)

    def problems(self) -> tuple[str, ...]:
        """Everything about the set that would spoil training or its judgement.

        Each listed image is readable and has a strict label file; nothing lies there unlisted; no
        frame is in both subsets; no validation image is listed twice. Empty when all is well.
        """
        return (
            *_list_problems(self.listed),
            *(p for lines in self.listed.values() for p in _image_problems(self, lines)),
            *_unlisted(self),
        )


def _listed(folder: Path, subset: Subset) -> tuple[str, ...]:
    file = folder / LIST_FILES[subset]
    try:
        text = file.read_text(encoding="utf-8")
    except OSError as error:
        raise TrainingSetError(f"{file} is missing.", MERGE_AGAIN) from error
    if text and not text.endswith("\n"):
        raise TrainingSetError(f"{file} ends within a line.", MERGE_AGAIN)
    return tuple(line.removeprefix("./") for line in text.splitlines())


def is_real(image: str) -> bool:
    """Whether a listed image is a real frame."""
    return PurePosixPath(image).name.startswith(REAL_PREFIX)


def read_class_names(folder: Path) -> tuple[str, ...]:
    """The classes of a training set alone, in the order of their ids.

    Raises:
        TrainingSetError: they are not named.
    """
    file = folder / DATASET_FILE
    try:
        names: dict[int, str] = yaml.safe_load(file.read_text(encoding="utf-8"))["names"]
        return tuple(names[index] for index in range(len(names)))
    except (OSError, ValueError, TypeError, KeyError, yaml.YAMLError) as error:
        raise TrainingSetError(f"{file} does not name the classes.", MERGE_AGAIN) from error


def _no_summary(file: Path, why: Exception) -> TrainingSetError:
    return TrainingSetError(f"{file} is not the summary of a training set: {why}", MERGE_AGAIN)


def _write_image(folder: Path, source: RealImage | SyntheticImage) -> None:
    if isinstance(source, RealImage):
        frame = source.frame
        image = folder / "images" / source.subset / source.name
        link_file(source.source.image, image)
        labels = folder / "labels" / source.subset / f"{image.stem}.txt"
        write_text(labels, format_labels(frame.boxes, frame.width, frame.height))
        return
    link_file(source.image, folder / "images" / source.subset / source.image.name)
    link_file(source.labels, folder / "labels" / source.subset / source.labels.name)


def _lines(plan: MergePlan, subset: Subset) -> Iterator[str]:
    for drawn in plan.synthetic:
        if drawn.subset == subset:
            yield f"images/{subset}/{drawn.image.name}"
    times = plan.summary.oversample_real if subset == "train" else 1
    for real in plan.real:
        if real.subset == subset:
            yield from [f"images/{subset}/{real.name}"] * times


def _list_problems(listed: Mapping[Subset, Sequence[str]]) -> Iterator[str]:
    train, val = LIST_FILES["train"], LIST_FILES["val"]
    for subset, lines in listed.items():
        if not lines:
            yield f"{LIST_FILES[subset]} lists no image"
        for line in dict.fromkeys(lines):
            if PurePosixPath(line).parent != PurePosixPath("images", subset):
                yield f"{LIST_FILES[subset]} lists {line}, which is not in images/{subset}"
    repeated = [line for line, times in Counter(listed["val"]).items() if times > 1]
    yield from (f"{val} lists {line} more than once" for line in repeated)
    trained = {PurePosixPath(line).stem for line in listed["train"]}
    validated = {PurePosixPath(line).stem for line in listed["val"]}
    yield from (f"{stem} is in {train} and {val}" for stem in sorted(trained & validated))


def _image_problems(training_set: TrainingSet, lines: Sequence[str]) -> Iterator[str]:
    for line in dict.fromkeys(lines):
        try:
            with Image.open(training_set.folder / line) as image:
                image.verify()
        except UNREADABLE as error:
            yield f"{line} is not a readable image ({type(error).__name__})"
        try:
            training_set.rows_of(line)
        except TrainingSetError as error:
            yield error.problem


def _unlisted(training_set: TrainingSet) -> Iterator[str]:
    folder = training_set.folder
    known = {line for lines in training_set.listed.values() for line in lines}
    labels = {training_set.labels_of(line) for line in known}
    for file in sorted((folder / "images").rglob("*")):
        if file.is_file() and file.relative_to(folder).as_posix() not in known:
            yield f"{file.relative_to(folder).as_posix()} is listed nowhere"
    for file in sorted((folder / "labels").rglob("*.txt")):
        if file not in labels:
            yield f"{file.relative_to(folder).as_posix()} belongs to no listed image"
