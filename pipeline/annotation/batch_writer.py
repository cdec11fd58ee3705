"""Writes the frames that were chosen: images with names that tell them apart, and their reasons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path, PurePosixPath

from pipeline.annotation.annotation_batch import (
    IMAGES_FOLDER,
    AnnotationBatch,
    ChosenFrame,
    Reason,
    SelectionSummary,
)
from pipeline.annotation.candidates import Candidates, changed
from pipeline.annotation.scoring import Rating
from pipeline.annotation.selection import NO_VIEW, Pick
from pipeline.labels.images import UNREADABLE, upright_content
from pipeline.labels.portable_names import portable_paths
from pipeline.progress import Report, silent, track


@dataclass(frozen=True)
class RatedCandidates:
    """Candidates with what their labels are worth, in the same order."""

    candidates: Candidates
    ratings: tuple[Rating, ...]


def chosen_frames(rated: RatedCandidates, picks: Sequence[Pick]) -> tuple[ChosenFrame, ...]:
    """The chosen ones as a batch has them, by name."""
    candidates = rated.candidates
    images = [candidates.screenshots[pick.index] for pick in picks]
    names = portable_paths([_flat(image.source) for image in images])
    frames = [
        ChosenFrame(
            name=name,
            source=image.source,
            sha256=image.sha256,
            width=image.width,
            height=image.height,
            session=candidates.sessions[pick.index] or "",
            blind=pick.blind,
            expected_boxes=rated.ratings[pick.index].expected_boxes,
            reasons=_reasons(rated, pick),
        )
        for name, image, pick in zip(names, images, picks, strict=True)
    ]
    return tuple(sorted(frames, key=lambda frame: frame.name))


def write_batch(
    folder: Path,
    frames: tuple[ChosenFrame, ...],
    screenshots: Path,
    summary: SelectionSummary,
    report: Report = silent,
) -> AnnotationBatch:
    """Write a batch.

    Args:
        folder: new or empty.
        frames: as `chosen_frames` made them.
        screenshots: the folder that their sources lie in.

    Raises:
        AnnotationBatchError: an image has changed since it was read.
    """
    (folder / IMAGES_FOLDER).mkdir()
    batch = AnnotationBatch(folder, frames)
    for frame in track(frames, len(frames), "copy frames", report):
        batch.image_of(frame).write_bytes(_unchanged(screenshots / frame.source, frame))
    batch.write_frames()
    summary.write(folder)
    return batch


def _flat(source: str) -> str:
    """A file name that keeps the folder, so that the session can still be told by it."""
    path = PurePosixPath(source)
    folders = "-".join(path.parent.parts).replace("_", "-")
    return f"{folders}_{path.name}" if folders else path.name


def _reasons(rated: RatedCandidates, pick: Pick) -> tuple[Reason, ...]:
    found = rated.ratings[pick.index].reasons
    if pick.blind:
        text = "chosen at random, to be labelled without boxes to correct"
        return (Reason(kind="random", text=text),)
    session = rated.candidates.sessions[pick.index]
    which = f"of session {session}" if session else "of unknown session"
    parts = [f"{pick.before} chosen before {which}"]
    if pick.bits < NO_VIEW:
        parts.append(f"nearest view chosen or labelled is {pick.bits} of 64 bits away")
    return (*found, Reason(kind="diversity", text="; ".join(parts), value=float(pick.bits)))


def _unchanged(file: Path, frame: ChosenFrame) -> bytes:
    try:
        content = upright_content(file.read_bytes())
    except UNREADABLE:
        content = b""
    if sha256(content).hexdigest() != frame.sha256:
        raise changed(frame.source)
    return content
