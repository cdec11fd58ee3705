"""Frames of an export batch that had been pre-labelled, found by their image alone.

CVAT may rename files, put them into subsets and folders, or pack their pixels anew; and several
annotation batches may hold one image.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from PIL import Image

from pipeline.annotation.prelabels import PrelabelledFrame, PrelabelledFrames, pixel_digest
from pipeline.labels.batches import ExportBatch, Frame
from pipeline.progress import Report, silent, track

Sent = tuple[str, PrelabelledFrame]
"""The annotation batch and a frame of it."""


@dataclass(frozen=True)
class ReturnedFrame:
    """A frame of an export, and what a model had found in it.

    Attributes:
        batch: the annotation batch in which it went out.
        is_labelled: whether the export has any annotation of it.
    """

    frame: Frame
    batch: str
    prelabelled: PrelabelledFrame
    is_labelled: bool


@dataclass(frozen=True)
class ReturnedFrames:
    """What an export has of the frames that went out.

    Attributes:
        frames: labelled ones first, each image once, sorted by place.
        others: frames of the export that no batch held.
        doubles: frames that show the same as one before them.
    """

    frames: tuple[ReturnedFrame, ...]
    others: int
    doubles: int


def batches_in(export: ExportBatch, prelabels: Mapping[str, PrelabelledFrames]) -> frozenset[str]:
    """The annotation batches of which an export has files as they went out."""
    files = {frame.sha256 for frame in (*export.batch.frames, *export.batch.unlabelled)}
    return frozenset(
        batch
        for batch, content in prelabels.items()
        if not files.isdisjoint(frame.sha256 for frame in content.frames)
    )


def returned_frames(
    export: ExportBatch, prelabels: Mapping[str, PrelabelledFrames], report: Report = silent
) -> ReturnedFrames:
    """Find the frames of an export that went out with prelabels.

    The same image is one whose file has the same bytes, which are upright in both; or the same
    pixels. Where several annotation batches hold an image, the one that shares most frames with
    the export is taken; of those that share as many, the last by name.

    Args:
        prelabels: by annotation batch.
        report: told after every frame whose pixels are compared.
    """
    labelled = [(frame, True) for frame in export.batch.frames]
    frames = labelled + [(frame, False) for frame in export.batch.unlabelled]
    candidates = _candidates(export, [frame for frame, _ in frames], prelabels, report)
    shared = Counter(batch for found in candidates for batch in {one[0] for one in found})
    taken: dict[tuple[str, str], ReturnedFrame] = {}
    doubles = 0
    for (frame, is_labelled), found in zip(frames, candidates, strict=True):
        if not found:
            continue
        batch, sent = max(found, key=lambda one: (shared[one[0]], one[0], one[1].name))
        if (batch, sent.name) in taken:
            doubles += 1
        else:
            taken[batch, sent.name] = ReturnedFrame(frame, batch, sent, is_labelled)
    others = sum(not found for found in candidates)
    return ReturnedFrames(tuple(taken.values()), others, doubles)


def _candidates(
    export: ExportBatch,
    frames: Sequence[Frame],
    prelabels: Mapping[str, PrelabelledFrames],
    report: Report,
) -> list[list[Sent]]:
    """Whatever went out with the image of each frame."""
    sent = [(batch, frame) for batch, content in prelabels.items() for frame in content.frames]
    by_file: dict[str, list[Sent]] = defaultdict(list)
    by_pixels: dict[str, list[Sent]] = defaultdict(list)
    for one in sent:
        by_file[one[1].sha256].append(one)
        by_pixels[one[1].pixels_sha256].append(one)
    by_pixels.pop("", None)
    sizes = {(frame.width, frame.height) for _, frame in sent}
    found = [by_file.get(frame.sha256, []) for frame in frames]
    unsure = [
        index
        for index, frame in enumerate(frames)
        if not found[index] and (frame.width, frame.height) in sizes
    ]
    for index in track(unsure, len(unsure), "comparing pixels", report):
        found[index] = by_pixels.get(_pixels_of(export, frames[index]), [])
    return [list(_of_size(frame, each)) for frame, each in zip(frames, found, strict=True)]


def _of_size(frame: Frame, sent: Sequence[Sent]) -> Iterator[Sent]:
    """Boxes of an image of another size would be boxes of something else."""
    return (one for one in sent if (one[1].width, one[1].height) == (frame.width, frame.height))


def _pixels_of(export: ExportBatch, frame: Frame) -> str:
    # An export batch keeps images upright.
    with Image.open(export.image_of(frame)) as image:
        return pixel_digest(image.convert("RGB"))
