"""Which of several exports corrects which: by the names that CVAT gives, by time, by name.

CVAT names a download after what was exported and when, today in the second way (
`build_annotations_file_name` in `cvat/apps/engine/utils.py`):

    task_<name>-2026_01_09_10_00_00-coco 1.0.zip, and likewise job_<number>-..., project_<name>-...
    task_<name or number>_annotations_2026_01_09_10_00_00_coco 1.0.zip, or ..._dataset_...
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from pipeline.labels.batches import NamedBatch

TIME_FORMAT = "%Y_%m_%d_%H_%M_%S"
TIME = r"(?P<time>\d{4}(?:_\d\d){5})"
SOURCE = r"(?P<source>(?:.*_)?(?:task|job|project)_.+)"
NAMES = tuple(
    re.compile(f"{SOURCE}{pattern}(?:coco|yolo)", re.IGNORECASE)
    for pattern in (f"-{TIME}-", f"_(?:annotations|dataset)_{TIME}_")
)
TITLE = re.compile(r"(?:^|_)(?:task|job|project)_(?:\d+_)?(?P<title>\D.*)")
"""A task that Outpost exports has its number before the name that people gave it."""


@dataclass(frozen=True)
class CvatDownload:
    """What CVAT's name of a download tells.

    Attributes:
        source: what was exported, as `task_7`; with what somebody wrote before it.
        time: when.
    """

    source: str
    time: datetime

    @classmethod
    def named(cls, batch: str) -> CvatDownload | None:
        """Read the name of a batch; None where it is not one that CVAT gives."""
        for pattern in NAMES:
            found = pattern.match(batch)
            if found is None:
                continue
            try:
                time = datetime.strptime(found["time"], TIME_FORMAT)
            except ValueError:
                return None
            return cls(found["source"].casefold(), time)
        return None

    @property
    def title(self) -> str:
        """What people call the task or the project in CVAT; empty where a number alone is told."""
        found = TITLE.search(self.source)
        return found["title"] if found else ""


def source_of(batch: NamedBatch) -> str | None:
    """What of CVAT a batch is an export of."""
    told = CvatDownload.named(batch.name)
    return told.source if told else None


def time_of(batch: NamedBatch) -> datetime | None:
    """When it was exported, as far as its name or its archive tells."""
    told = CvatDownload.named(batch.name)
    return told.time if told else batch.written


def in_precedence(batches: Iterable[NamedBatch]) -> list[NamedBatch]:
    """The latest first; those of which no time is known last, in the order given."""
    return sorted(batches, key=lambda batch: time_of(batch) or datetime.min, reverse=True)


def is_later(one: NamedBatch, other: NamedBatch) -> bool:
    """Whether it is known of both when they were exported, and the first was exported later."""
    times = (time_of(one), time_of(other))
    return times[0] is not None and times[1] is not None and times[0] > times[1]


def why_taken(taken: NamedBatch, other: NamedBatch) -> str:
    """Why the labels of one batch are taken and not those of another one after it."""
    source, times = source_of(taken), (time_of(taken), time_of(other))
    if source is not None and source == source_of(other):
        return f"a newer export of {source}"
    if times[0] == times[1]:
        known = "when they were exported is not known" if times[0] is None else "of the same time"
        return f"the first by name, {known}"
    if times[1] is None:
        return "when it was exported is known, and of the other it is not"
    return "exported later"
