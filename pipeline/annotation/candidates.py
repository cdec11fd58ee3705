"""Screenshots that may be labelled next: read, and told apart from each other and labelled ones.

Which of several screenshots of one view is taken depends on their paths alone, never on the order
in which they are read.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path, PurePosixPath

import numpy as np
import numpy.typing as npt
from detector_runtime.classify.hashes import perceptual_hash
from detector_runtime.images import LARGEST_SIDE, SMALLEST_SIDE
from detector_runtime.system.cores import usable_cores
from PIL import Image, UnidentifiedImageError

from pipeline.annotation.annotation_batch import AnnotationBatchError
from pipeline.labels.comparing.thumbnails import thumbnail_of
from pipeline.labels.comparing.views import Views, seen_among
from pipeline.labels.fingerprints import NEAR_DUPLICATE_BITS, Fingerprint
from pipeline.labels.images import (
    MAX_PIXELS,
    UNREADABLE,
    open_image,
    upright_content,
    upright_rgb,
)
from pipeline.labels.inspection.sessions import sessions_of
from pipeline.progress import Report, silent, track


@dataclass(frozen=True)
class UnlabelledImage:
    """An image that nobody has labelled yet.

    Attributes:
        source: path below the folder of the screenshots, with forward slashes.
        sha256: of its file, upright as a batch stores it, so that an export of it has the same.
        width, height: pixels.
        phash: perceptual hash, 16 hexadecimal digits.
        thumbnail: see `labels.comparing.thumbnails`.
    """

    source: str
    sha256: str
    width: int
    height: int
    phash: str
    thumbnail: str

    @property
    def stem(self) -> str:
        """The file's name without suffix."""
        return PurePosixPath(self.source).stem

    @property
    def subset(self) -> str:
        """Screenshots have none, unlike frames of an export."""
        return ""

    @property
    def folder(self) -> str:
        """Where it lies below the folder of the screenshots; empty at its top."""
        parent = str(PurePosixPath(self.source).parent)
        return "" if parent == "." else parent

    @property
    def fingerprint(self) -> Fingerprint:
        """What it is compared with other images by."""
        size = (self.width, self.height)
        return Fingerprint(self.source, self.sha256, self.phash, self.thumbnail, size)


@dataclass(frozen=True)
class Unreadable:
    """A file that is no sound image, and why."""

    source: str
    why: str


@dataclass(frozen=True)
class Candidates:
    """What may be chosen, and what was left out.

    Attributes:
        screenshots: one of each view, sorted by source.
        sessions: of each of them; None where it cannot be known.
        duplicates: how many were left out because another one shows the same.
        labelled: how many were left out because a labelled frame shows the same, or one that is
            out to be labelled.
    """

    screenshots: tuple[UnlabelledImage, ...]
    sessions: tuple[str | None, ...]
    duplicates: int
    labelled: int


def read_screenshots(
    folder: Path, files: Sequence[Path], report: Report = silent
) -> tuple[tuple[UnlabelledImage, ...], tuple[Unreadable, ...]]:
    """Read images below a folder, as many at once as there are cores.

    Returns:
        Those that are sound and those that are not, both sorted by source.
    """
    screenshots, unreadable = [], []
    with ThreadPoolExecutor(usable_cores()) as pool:
        read = pool.map(lambda file: _read(file, file.relative_to(folder).as_posix()), files)
        for one in track(read, len(files), "read screenshots", report):
            if isinstance(one, UnlabelledImage):
                screenshots.append(one)
            else:
                unreadable.append(one)
    return (
        tuple(sorted(screenshots, key=lambda one: one.source)),
        tuple(sorted(unreadable, key=lambda one: one.source)),
    )


def open_candidate(folder: Path, image: UnlabelledImage) -> Image.Image:
    """The pixels of a screenshot, upright, RGB.

    Raises:
        AnnotationBatchError: the file is gone or damaged since it was read.
    """
    try:
        return upright_rgb(folder / image.source)
    except UNREADABLE as error:
        raise changed(image.source) from error


def changed(source: str) -> AnnotationBatchError:
    """What to raise of a screenshot that is not as it was read."""
    return AnnotationBatchError(
        f"{source} has changed since the screenshots were read.",
        "Leave the folder alone while frames are chosen, and run again.",
    )


def find_candidates(
    screenshots: Iterable[UnlabelledImage], labelled: Sequence[Fingerprint]
) -> Candidates:
    """One screenshot of each view that no labelled frame shows.

    Args:
        screenshots: in any order.
        labelled: of frames that have labels, or are out to get them.
    """
    ordered = sorted(screenshots, key=lambda one: one.source)
    views = Views.of([one.fingerprint for one in ordered])
    known = {index for index, _, _ in seen_among(views, Views.of(labelled))}
    kept = _one_of_each_view(views, known)
    chosen = tuple(ordered[index] for index in kept)
    sessions = sessions_of(ordered)
    return Candidates(
        screenshots=chosen,
        sessions=tuple(sessions[index] for index in kept),
        duplicates=len(ordered) - len(kept) - len(known),
        labelled=len(known),
    )


def _one_of_each_view(views: Views, left_out: Collection[int]) -> list[int]:
    """Indices of frames that show what none before them shows, of those that are not left out.

    Each is compared with those that are kept, not with all: along the slow pan of a recording, in
    which each frame looks like the next, some of them stay.
    """
    if not views.prints:
        return []
    # Not above: loading it takes longer than most batches.
    from pipeline.labels.comparing import compiled_loops

    kept: list[int] = []
    compared = np.zeros(len(views.prints), np.intp)
    count = 0
    seen: set[str] = set()
    for index, one in enumerate(views.prints):
        if index in left_out or one.sha256 in seen:
            continue
        seen.add(one.sha256)
        if views.shown[index]:
            near = _near(views.hashes, compared[:count], index)
            same = np.full(len(near), index, np.intp)
            if compiled_loops.same_views(views.thumbnails, near, same).any():
                continue
            compared[count] = index
            count += 1
        kept.append(index)
    return kept


def _near(
    hashes: npt.NDArray[np.uint64], among: npt.NDArray[np.intp], index: int
) -> npt.NDArray[np.intp]:
    bits = np.bitwise_count(hashes[among] ^ hashes[index])
    near: npt.NDArray[np.intp] = among[bits <= NEAR_DUPLICATE_BITS]
    return near


def _unfit(width: int, height: int) -> str:
    """Why an image of this size is none that a model can look at; empty if it is one."""
    if width * height > MAX_PIXELS or max(width, height) > LARGEST_SIDE:
        return f"{width}x{height} pixels are more than any screen has"
    return f"{width}x{height} pixels are too few" if min(width, height) < SMALLEST_SIDE else ""


def _read(file: Path, source: str) -> UnlabelledImage | Unreadable:
    if (named := source.encode(errors="backslashreplace").decode()) != source:
        # Linux takes any bytes; nothing that is written as JSON does.
        return Unreadable(named, "its name is not UTF-8")
    try:
        content = file.read_bytes()
        with open_image(content) as opened:
            if why := _unfit(*opened.size):
                return Unreadable(source, why)
        stored = upright_content(content)
        with open_image(stored) as image:
            image.load()
            if image.mode in ("I", "F") or image.mode.startswith("I;"):
                # Pillow cuts them off at 255, which leaves white.
                return Unreadable(source, "it has more than 8 bits a channel; save it with 8")
            return UnlabelledImage(
                source=source,
                sha256=sha256(stored).hexdigest(),
                width=image.width,
                height=image.height,
                phash=perceptual_hash(image),
                thumbnail=thumbnail_of(image),
            )
    except UnidentifiedImageError:
        # What Pillow says of it names an address in memory.
        return Unreadable(source, "it is empty or no image")
    except UNREADABLE as error:
        # The whole text of an OSError names the folder on this machine.
        return Unreadable(source, getattr(error, "strerror", None) or str(error) or repr(error))
