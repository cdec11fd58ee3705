"""A checked, normalised batch of labelled frames, and how it lies on disk."""

from __future__ import annotations

import zipfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import Literal, NamedTuple

from pydantic import Field, TypeAdapter

from pipeline.errors import OutpostError
from pipeline.files import read_json, write_json
from pipeline.labels.boxes import Box, LabelledBox
from pipeline.labels.fingerprints import Fingerprint
from pipeline.labels.formats.cvat_export import digest_of_export, open_export
from pipeline.labels.images import UNREADABLE, upright_content
from pipeline.labels.inspection.findings import LabelFinding
from pipeline.labels.inspection.sessions import sessions_of
from pipeline.labels.portable_names import portable_paths
from pipeline.manifests import Record
from pipeline.progress import Report, silent, track

IMAGES_FOLDER = "images"
LABELS_FILE = "labels.json"
REPORT_FILE = "report.json"
SOURCE_FILE = "source.json"
DEFAULT_SUBSET = "default"
"""As CVAT calls the subset of what was given none."""
NO_DATE = (1980, 1, 1, 0, 0, 0)
"""The first moment that a zip archive can name."""
READ_AGAIN = "Materialize cvat_export for this batch again."


Purpose = Literal["train", "validation", "test", "any"]
PURPOSES: Mapping[str, Purpose] = {
    "train": "train",
    "training": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "test": "test",
    "testing": "test",
}
"""The subsets that CVAT offers, and what other tools call them; any other name leaves it open."""

FrameKey = tuple[str, str, str, str]
"""Batch, subset, folder and name of a frame."""


class BatchError(OutpostError):
    """A batch that cannot be written or read."""


def purpose_of(subset: str) -> Purpose:
    """What the frames of a subset are for, however its name is written."""
    return PURPOSES.get(subset.strip().casefold(), "any")


@dataclass(frozen=True)
class Frame:
    """One screenshot with the boxes of what is labelled in it.

    Within a batch it is told by its subset, its folder and its name; names alone repeat.

    Attributes:
        name: file name.
        path: where the image lies, relative to the export or the batch folder, forward slashes.
            In a batch it may be spelt otherwise than the frame; see `place`.
        width, height: pixels.
        sha256: digest of the image's file.
        phash: perceptual hash, 16 hexadecimal digits; see `fingerprints`.
        boxes: inside the image, each side at least a pixel, in the order of the export.
        subset: of the export, as CVAT names it: "default", "Train", "Validation", "Test".
        folder: where the image lies in the task, forward slashes; empty at its top.
        thumbnail: what near duplicates are confirmed by, see `comparing.thumbnails`; empty in
            batches that were stored before there was one.
    """

    name: str
    path: str
    width: int
    height: int
    sha256: str
    phash: str
    boxes: tuple[LabelledBox, ...]
    subset: str = DEFAULT_SUBSET
    folder: str = ""
    thumbnail: str = ""

    @property
    def stem(self) -> str:
        """The name without suffix."""
        return PurePosixPath(self.name).stem

    @property
    def place(self) -> str:
        """Subset, unless it is the default one, folder and name: what people tell it by."""
        parts = (self.subset if self.subset != DEFAULT_SUBSET else "", self.folder, self.name)
        return "/".join(part for part in parts if part)

    @property
    def purpose(self) -> Purpose:
        """What the annotators want the frame for, by its subset, however that is written."""
        return purpose_of(self.subset)

    def fingerprint(self, batch: str) -> Fingerprint:
        """What it is compared by as a frame of that batch."""
        size = (self.width, self.height)
        return Fingerprint(self.place, self.sha256, self.phash, self.thumbnail, size, batch)


@dataclass(frozen=True)
class UnknownLabel:
    """A label name that the game pack lacks, and how many shapes carry it."""

    name: str
    shapes: int


@dataclass(frozen=True)
class RespeltLabel:
    """A label that was taken for a class although it is spelt otherwise, and its shapes."""

    name: str
    class_name: str
    shapes: int


@dataclass(frozen=True)
class RejectedShape:
    """A shape of a known class that has no box, and why.

    Attributes:
        frame: path of the image in the task.
        class_name: the label as the export spells it.
        drawn: around where it was drawn, in pixels of the image; may be without area, and beyond
            the image's edges. None where nothing tells, and in batches that were stored before it
            was kept.
    """

    frame: str
    class_name: str
    reason: str
    drawn: Box | None = None


@dataclass(frozen=True)
class Batch:
    """A checked export.

    Attributes:
        class_names: of the game pack; a box's class id is an index into it.
        frames: with at least one annotation, sorted by name.
        unlabelled: frames without any annotation, sorted by name. They may be empty of objects or
            not annotated yet; whoever uses the batch decides.
        unknown_labels: sorted by name, without those that are left out on purpose.
        rejected: in the order of the export.
        respelt_labels: sorted by name.
        findings: what a person should look at, in the order of the export.
        left_out_labels: those that this export was to be read without, sorted by name.
    """

    class_names: tuple[str, ...]
    frames: tuple[Frame, ...]
    unlabelled: tuple[Frame, ...]
    unknown_labels: tuple[UnknownLabel, ...]
    rejected: tuple[RejectedShape, ...]
    respelt_labels: tuple[RespeltLabel, ...] = ()
    findings: tuple[LabelFinding, ...] = ()
    left_out_labels: tuple[UnknownLabel, ...] = ()

    @property
    def per_class(self) -> dict[str, int]:
        """Boxes of every class, those without any included."""
        counts = Counter(box.class_id for frame in self.frames for box in frame.boxes)
        return {name: counts[index] for index, name in enumerate(self.class_names)}


class BatchFrame(NamedTuple):
    """A frame together with the batch that it belongs to, and that batch's folder.

    Attributes:
        given: what it is for where the subset that another batch has the image in says so.
    """

    batch: str
    folder: Path
    frame: Frame
    given: Purpose | None = None

    @property
    def purpose(self) -> Purpose:
        """What it is for, by its own subset or by what it was given."""
        return self.given or self.frame.purpose

    @property
    def image(self) -> Path:
        """The file of the frame."""
        return self.folder / self.frame.path

    @property
    def key(self) -> FrameKey:
        """What tells it from all other frames of all batches."""
        return (self.batch, self.frame.subset, self.frame.folder, self.frame.name)

    @property
    def title(self) -> str:
        """Batch and place, for people."""
        return f"{self.batch}/{self.frame.place}"

    @property
    def fingerprint(self) -> Fingerprint:
        return self.frame.fingerprint(self.batch)


@dataclass(frozen=True)
class NamedBatch:
    """A batch with its name and the folder that holds its images.

    Attributes:
        written: when its export was, as far as its archive tells.
    """

    name: str
    folder: Path
    batch: Batch
    written: datetime | None = None

    @property
    def frames(self) -> tuple[BatchFrame, ...]:
        return self._of(self.batch.frames)

    @property
    def unlabelled(self) -> tuple[BatchFrame, ...]:
        return self._of(self.batch.unlabelled)

    def _of(self, frames: Sequence[Frame]) -> tuple[BatchFrame, ...]:
        return tuple(BatchFrame(self.name, self.folder, one) for one in frames)


class BatchReport(Record):
    """What a person wants to know of a batch; counts are of frames, boxes or shapes."""

    frames: int
    subsets: dict[str, int] = Field({}, description="Annotated frames of each.")
    unlabelled_frames: tuple[str, ...]
    boxes: int
    per_class: dict[str, int]
    sessions: dict[str, int]
    """Annotated frames of each session; of those whose session is unknown, under an empty name."""
    unknown_labels: dict[str, int]
    rejected_shapes: int
    rejected_reasons: dict[str, int]
    rejected: tuple[dict[str, str], ...]
    """Frame, class and reason of each shape that has no box."""
    respelt_labels: dict[str, str] = Field({})
    """The class that each label was taken for which is spelt otherwise."""
    findings: tuple[LabelFinding, ...] = ()
    left_out_labels: dict[str, int] = Field({})

    @classmethod
    def open(cls, folder: Path) -> BatchReport:
        """Read the report of a stored batch alone.

        Raises:
            BatchError: there is none, or one of another version.
        """
        return read_json(folder / REPORT_FILE, cls, _damaged)

    @classmethod
    def of(cls, batch: Batch) -> BatchReport:
        """Count what is in a batch."""
        return cls(
            frames=len(batch.frames),
            subsets=Counter(frame.subset for frame in batch.frames),
            unlabelled_frames=tuple(frame.place for frame in batch.unlabelled),
            boxes=sum(batch.per_class.values()),
            per_class=batch.per_class,
            sessions=Counter(session or "" for session in sessions_of(batch.frames)),
            unknown_labels={label.name: label.shapes for label in batch.unknown_labels},
            rejected_shapes=len(batch.rejected),
            rejected_reasons=Counter(shape.reason for shape in batch.rejected),
            rejected=tuple(
                {"frame": shape.frame, "class": shape.class_name, "reason": shape.reason}
                for shape in batch.rejected
            ),
            respelt_labels={label.name: label.class_name for label in batch.respelt_labels},
            findings=batch.findings,
            left_out_labels={label.name: label.shapes for label in batch.left_out_labels},
        )


class SourceExport(Record):
    """The export that a batch was read from: its name without folder, and its digest."""

    file: str
    sha256: str
    written: datetime | None = None
    """When CVAT wrote it, as far as its archive tells, by the clock of who wrote it."""

    @classmethod
    def open(cls, folder: Path) -> SourceExport:
        """Read it of a stored batch alone.

        Raises:
            BatchError: there is none, or one of another version.
        """
        return read_json(folder / SOURCE_FILE, cls, _damaged)


@dataclass(frozen=True)
class ExportBatch:
    """The artifact of `cvat_export`: a batch with its images.

        images/         every frame of the batch, upright, by subset and folder
        labels.json     the batch
        report.json     what a person wants to know of it
        source.json     the export that it came from

    Attributes:
        batch: paths of its frames are relative to the folder.
    """

    folder: Path
    batch: Batch
    report: BatchReport
    source: SourceExport

    @classmethod
    def open(cls, folder: Path) -> ExportBatch:
        """Read what `write` wrote.

        Raises:
            BatchError: the folder holds no batch, or one of another version.
        """
        return cls(
            folder,
            read_json(folder / LABELS_FILE, Batch, _damaged),
            BatchReport.open(folder),
            SourceExport.open(folder),
        )

    @classmethod
    def write(
        cls, folder: Path, batch: Batch, source: Path, report: Report = silent
    ) -> ExportBatch:
        """Write a batch and copy its images out of the export that it was read from.

        Args:
            folder: new or empty.
            batch: as `coco.read_export` made it.
            source: that export, a zip archive or a folder.
            report: told after every image.

        Raises:
            BatchError: an image has changed since the batch was read.
        """
        (folder / IMAGES_FOLDER).mkdir(parents=True, exist_ok=True)
        frames = [*batch.frames, *batch.unlabelled]
        moved = _moved(frames)
        with open_export(source) as files:
            for frame, target in track(
                list(zip(frames, moved, strict=True)), len(frames), "copy frames", report
            ):
                file = folder / target.path
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(_unchanged(files.read(frame.path), frame))
        labelled = len(batch.frames)
        stored = replace(batch, frames=moved[:labelled], unlabelled=moved[labelled:])
        read_from = SourceExport(
            file=source.name, sha256=digest_of_export(source), written=_written(source)
        )
        written = cls(folder, stored, BatchReport.of(batch), read_from)
        write_json(folder / LABELS_FILE, TypeAdapter(Batch).dump_python(stored, mode="json"))
        write_json(folder / REPORT_FILE, written.report.model_dump(mode="json"))
        write_json(folder / SOURCE_FILE, read_from.model_dump(mode="json"))
        return written

    @staticmethod
    def is_in(folder: Path) -> bool:
        """Whether a folder looks like a batch; `open` says whether it is one."""
        return (folder / LABELS_FILE).is_file()

    def image_of(self, frame: Frame) -> Path:
        """The file of a frame of the batch."""
        return self.folder / frame.path


def _damaged(file: Path, why: Exception) -> BatchError:
    return BatchError(f"{file} does not belong to a whole batch: {why}", READ_AGAIN)


def _moved(frames: Sequence[Frame]) -> tuple[Frame, ...]:
    paths = portable_paths([frame.place for frame in frames])
    return tuple(
        replace(frame, path=f"{IMAGES_FOLDER}/{path}")
        for frame, path in zip(frames, paths, strict=True)
    )


def _written(source: Path) -> datetime | None:
    """When the annotations were written into an archive; 1980 is what those say that don't know."""
    if source.is_dir():
        return None
    with zipfile.ZipFile(source) as archive:
        dates = [
            entry.date_time for entry in archive.infolist() if entry.filename.endswith(".json")
        ]
    try:
        written = datetime(*max(dates, default=NO_DATE))
    except ValueError:
        return None
    return written if written.year > NO_DATE[0] else None


def _unchanged(content: bytes, frame: Frame) -> bytes:
    """The frame's file as it is stored, upright."""
    try:
        stored = upright_content(content)
    except UNREADABLE:
        stored = b""
    if sha256(stored).hexdigest() != frame.sha256:
        raise BatchError(
            f"{frame.name} has changed since the export was read.",
            "Leave the export alone while it is read, and run again.",
        )
    return stored
