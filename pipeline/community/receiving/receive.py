"""One contributor's uploads, from a listing to what is taken of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from uuid import UUID

from pipeline.community.receiving.images import IMAGE_LIMITS, UploadedImage, check_image
from pipeline.community.receiving.records import Label, read_records
from pipeline.community.receiving.refusals import ReceivingLimits, Refusal
from pipeline.community.receiving.staged_files import StagedFile, StagedFiles, sort_files
from pipeline.community.staged_crops import Contributions, CropKind, StagedCrop
from pipeline.games.sections.community import CommunityRules
from pipeline.progress import Report, silent, track

AT_A_TIME = 8
"""Files that are fetched side by side: what is waited for is a store."""
UNDATED = date(1970, 1, 1)
"""Of screens: they have no record, and when a file was written is nobody's business."""

Fetch = Callable[[StagedFile], bytes | None]
"""The bytes of a file, at most as many as it was listed with; None where it is gone."""


@dataclass(frozen=True)
class Reading:
    """How one contributor's uploads are read.

    Attributes:
        rules: the game's.
        today: by UTC; dates after it are not believed.
        limits: of all that is looked at.
    """

    rules: CommunityRules
    today: date
    limits: ReceivingLimits = field(default_factory=ReceivingLimits)


@dataclass(frozen=True)
class _Wanted:
    """An image that is worth being fetched."""

    file: StagedFile
    sha256: str
    kind: CropKind
    label: Label | None
    screen_type: str = ""


@dataclass(frozen=True)
class Received:
    """What was taken.

    Attributes:
        images: the folder that holds the file of each image, named by its digest.
    """

    content: Contributions
    images: Path

    @property
    def files(self) -> Mapping[str, bytes]:
        """The files of all images by digest, read when they are asked for."""
        return _FilesByDigest(self.images)


class _FilesByDigest(dict[str, bytes]):
    """Does not hold all images in memory at once."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder

    def __missing__(self, digest: str) -> bytes:
        return (self._folder / digest).read_bytes()


@dataclass
class _Taken:
    """What has been taken so far."""

    folder: Path
    crops: list[StagedCrop] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)


def receive(
    install: UUID,
    files: Iterator[StagedFile],
    fetch: Fetch,
    reading: Reading,
    images: Path,
    report: Report = silent,
) -> Received:
    """Take what can be taken of one contributor's files.

    Args:
        files: below the install's folder, as they are listed.
        fetch: gets one of them; called from several threads.
        images: an empty folder for the images that are taken, which need not fit into memory.
    """
    staged = sort_files(files, reading.rules.screen_types, reading.limits)
    taken = _Taken(images, refused=Counter(staged.refused))
    wanted = _within(_wanted(staged, fetch, reading, taken), reading.limits, taken)
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        for batch in _batches(track(wanted, len(wanted), "images", report)):
            fetched = pool.map(lambda one: fetch(one.file), batch)
            for one, found in zip(batch, fetched, strict=True):
                _take(one, found, taken)
    crops = sorted(taken.crops, key=lambda crop: (crop.kind, crop.slot, crop.sha256))
    refused = {str(reason): taken.refused[reason] for reason in sorted(taken.refused)}
    content = Contributions(contributor=str(install), crops=tuple(crops), refused=refused)
    return Received(content, images)


def _wanted(
    staged: StagedFiles, fetch: Fetch, reading: Reading, taken: _Taken
) -> Iterator[_Wanted]:
    """Images that have a label, in the order of the records, then screens."""
    content = _annotations(staged, fetch, reading, taken)
    labels = read_records(content, reading.rules, reading.today, reading.limits)
    taken.refused.update(labels.refused)
    unlabelled = staged.crops.keys() - labels.stated
    if unlabelled:
        taken.refused[Refusal.NO_RECORD] += len(unlabelled)
    for digest, label in labels.by_digest.items():
        if digest in staged.crops:
            yield _Wanted(staged.crops[digest], digest, label.kind, label)
        else:
            taken.refused[Refusal.NO_IMAGE] += 1
    for number, (digest, (screen_type, file)) in enumerate(sorted(staged.screens.items())):
        # A screen's file may be a private crop's, too.
        if digest in labels.private:
            taken.refused[Refusal.PRIVATE_SLOT] += 1
        elif number >= reading.limits.screens:
            taken.refused[Refusal.TOO_MANY] += 1
        else:
            yield _Wanted(file, digest, "screen", None, screen_type)


def _annotations(staged: StagedFiles, fetch: Fetch, reading: Reading, taken: _Taken) -> bytes:
    if staged.annotations is None:
        return b""
    if staged.annotations.size > reading.limits.annotation_bytes:
        taken.refused[Refusal.ANNOTATIONS_TOO_LARGE] += 1
        return b""
    content = fetch(staged.annotations)
    if content is None:
        taken.refused[Refusal.GONE] += 1
    return content or b""


def _within(wanted: Iterator[_Wanted], limits: ReceivingLimits, taken: _Taken) -> list[_Wanted]:
    """Those that are small enough, each and together."""
    kept, left = [], limits.image_bytes
    for one in wanted:
        if one.file.size > IMAGE_LIMITS[one.kind].file_bytes:
            taken.refused[Refusal.FILE_TOO_LARGE] += 1
        elif one.file.size > left:
            taken.refused[Refusal.TOO_MANY] += 1
        else:
            left -= one.file.size
            kept.append(one)
    return kept


def _batches(wanted: Iterator[_Wanted]) -> Iterator[Sequence[_Wanted]]:
    """A few at a time, so that no more lie in memory."""
    batch: list[_Wanted] = []
    for one in wanted:
        batch.append(one)
        if len(batch) == AT_A_TIME:
            yield batch
            batch = []
    if batch:
        yield batch


def _take(wanted: _Wanted, content: bytes | None, taken: _Taken) -> None:
    checked = Refusal.GONE if content is None else check_image(content, wanted.kind)
    if isinstance(checked, UploadedImage) and checked.sha256 != wanted.sha256:
        checked = Refusal.OTHER_DIGEST
    if isinstance(checked, Refusal) or content is None:
        taken.refused[str(checked)] += 1
        return
    (taken.folder / checked.sha256).write_bytes(content)
    taken.crops.append(_staged_crop(wanted, checked))


def _staged_crop(wanted: _Wanted, checked: UploadedImage) -> StagedCrop:
    record = wanted.label.record if wanted.label else None
    return StagedCrop(
        sha256=checked.sha256,
        phash=checked.phash,
        kind=wanted.kind,
        slot=record.slot if record else "",
        name=record.name if record else wanted.screen_type,
        ml_name=record.ml_name if record else "",
        date=record.date if record else UNDATED,
        width=checked.width,
        height=checked.height,
    )
