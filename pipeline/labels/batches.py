"""A checked, normalised batch of labelled frames, and how it lies on disk.

A batch folder holds `images/`, `labels.json` (the batch), `report.json` (what a person wants to
know of it) and `source.json` (the export that it came from).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import Any

from pydantic import TypeAdapter, ValidationError

from pipeline.errors import OutpostError
from pipeline.files import write_json
from pipeline.labels.boxes import LabelledBox
from pipeline.labels.fingerprints import Fingerprint
from pipeline.labels.formats.cvat_export import digest_of_export, open_export
from pipeline.labels.pictures import UNREADABLE, upright_content
from pipeline.progress import Report, silent, track

IMAGES_FOLDER = "images"
LABELS_FILE = "labels.json"
REPORT_FILE = "report.json"
SOURCE_FILE = "source.json"


class BatchError(OutpostError):
    """A batch that cannot be written or read."""


@dataclass(frozen=True)
class Frame:
    """One screenshot with the boxes of what is labelled in it.

    Attributes:
        name: file name, unique in the batch even without its suffix.
        path: where the picture lies, relative to the export or the batch folder, forward slashes.
        width, height: pixels.
        sha256: digest of the picture's file.
        phash: perceptual hash, 16 hexadecimal digits; see `fingerprints`.
        boxes: inside the picture, each side at least a pixel, in the order of the export.
    """

    name: str
    path: str
    width: int
    height: int
    sha256: str
    phash: str
    boxes: tuple[LabelledBox, ...]

    @property
    def stem(self) -> str:
        """The name without suffix, by which frames of different batches are the same frame."""
        return stem_of(self.name)

    @property
    def session(self) -> str:
        """The capture that the frame comes from: its name before the first underscore.

        Empty for a name without one: such frames may all come from one capture.
        """
        session, underscore, _ = self.stem.partition("_")
        return session if underscore else ""

    @property
    def fingerprint(self) -> Fingerprint:
        return Fingerprint(self.stem, self.sha256, self.phash)


@dataclass(frozen=True)
class UnknownLabel:
    """A label name that the game pack lacks, and how many shapes carry it."""

    name: str
    shapes: int


@dataclass(frozen=True)
class RejectedShape:
    """A shape of a known class that has no box, and why."""

    frame: str
    class_name: str
    reason: str


@dataclass(frozen=True)
class Batch:
    """A checked export.

    Attributes:
        class_names: of the game pack; a box's class id is an index into it.
        frames: with at least one annotation, sorted by name.
        unlabelled: frames without any annotation, sorted by name. They may be empty of objects or
            not annotated yet; whoever uses the batch decides.
        unknown_labels: sorted by name.
        rejected: in the order of the export.
    """

    class_names: tuple[str, ...]
    frames: tuple[Frame, ...]
    unlabelled: tuple[Frame, ...]
    unknown_labels: tuple[UnknownLabel, ...]
    rejected: tuple[RejectedShape, ...]

    @property
    def per_class(self) -> dict[str, int]:
        """Boxes of every class, those without any included."""
        counts = Counter(box.class_id for frame in self.frames for box in frame.boxes)
        return {name: counts[index] for index, name in enumerate(self.class_names)}


def write_batch(folder: Path, batch: Batch, source: Path, report: Report = silent) -> Batch:
    """Write a batch and copy its pictures out of the export that it was read from.

    Args:
        folder: new or empty.
        batch: as `coco.read_export` made it.
        source: that export, a zip archive or a folder.
        report: told after every picture.

    Returns:
        The batch as it now lies in the folder.

    Raises:
        BatchError: a picture has changed since the batch was read.
    """
    images = folder / IMAGES_FOLDER
    images.mkdir(parents=True, exist_ok=True)
    frames = [*batch.frames, *batch.unlabelled]
    with open_export(source) as files:
        for frame in track(frames, len(frames), "copy frames", report):
            target = images / frame.name
            target.write_bytes(_unchanged(files.read(frame.path), frame))
    stored = replace(batch, frames=_moved(batch.frames), unlabelled=_moved(batch.unlabelled))
    write_json(folder / LABELS_FILE, TypeAdapter(Batch).dump_python(stored, mode="json"))
    write_json(folder / REPORT_FILE, batch_report(batch))
    write_json(folder / SOURCE_FILE, {"file": source.name, "sha256": digest_of_export(source)})
    return stored


def read_batch(folder: Path) -> Batch:
    """Read what `write_batch` wrote.

    Raises:
        BatchError: the folder holds no batch, or one of another version.
    """
    file = folder / LABELS_FILE
    try:
        return TypeAdapter(Batch).validate_json(file.read_bytes())
    except (OSError, ValidationError) as error:
        raise BatchError(
            f"{file} is not a batch: {error}", "Materialize cvat_export for this batch again."
        ) from error


def read_source_digest(folder: Path) -> str:
    """The digest of the export that a batch folder was made from.

    Raises:
        BatchError: the folder does not tell.
    """
    try:
        return str(json.loads((folder / SOURCE_FILE).read_text("utf-8"))["sha256"])
    except (OSError, ValueError, KeyError) as error:
        raise BatchError(
            f"{folder / SOURCE_FILE} names no export: {error}", "Materialize the export again."
        ) from error


def batch_report(batch: Batch) -> dict[str, Any]:
    """What a person wants to know of a batch, as JSON values."""
    reasons = Counter(shape.reason for shape in batch.rejected)
    sessions = Counter(frame.session for frame in batch.frames)
    return {
        "frames": len(batch.frames),
        "unlabelled_frames": [frame.name for frame in batch.unlabelled],
        "boxes": sum(batch.per_class.values()),
        "per_class": batch.per_class,
        "sessions": dict(sessions),
        "unknown_labels": {label.name: label.shapes for label in batch.unknown_labels},
        "rejected_shapes": len(batch.rejected),
        "rejected_reasons": dict(reasons),
        "rejected": [
            {"frame": shape.frame, "class": shape.class_name, "reason": shape.reason}
            for shape in batch.rejected
        ],
    }


def stem_of(name: str) -> str:
    """A file name without its folders and its suffix."""
    return PurePosixPath(name).stem


def _moved(frames: Sequence[Frame]) -> tuple[Frame, ...]:
    return tuple(replace(frame, path=f"{IMAGES_FOLDER}/{frame.name}") for frame in frames)


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
