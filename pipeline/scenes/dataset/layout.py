"""What a set's folder holds, and where: the three files of each image.

Images are counted from 0; a shard is a range of them. `synthetic_set` shows the whole folder.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Literal

from pipeline.errors import OutpostError
from pipeline.games.sections.scenes import SceneRules
from pipeline.labels.synthetic import SUBSETS, Subset

SHARD_IMAGES = 50
"""Large enough that a worker decodes few backgrounds twice, small enough to show progress."""

Part = Literal["images", "labels", "objects"]
PARTS: tuple[Part, ...] = ("images", "labels", "objects")
SUFFIXES: Mapping[Part, str] = {"images": ".jpg", "labels": ".txt", "objects": ".json"}


class SceneSetError(OutpostError):
    """A synthetic set that cannot be drawn or written."""


@dataclass(frozen=True)
class Shard:
    """Images `first` to `stop - 1` of a set."""

    first: int
    stop: int

    @property
    def images(self) -> int:
        return self.stop - self.first


def shards(images: int, size: int = SHARD_IMAGES) -> tuple[Shard, ...]:
    """Cut a set of that many images into ranges of at most `size`."""
    return tuple(Shard(first, min(first + size, images)) for first in range(0, images, size))


def subset_of(index: int, rules: SceneRules) -> Subset:
    """Where image `index` goes; the validation images are spread evenly over the set."""
    share, whole = _validation_share(rules.train_fraction)
    return "val" if (index + 1) * share // whole > index * share // whole else "train"


@cache
def _validation_share(train_fraction: float) -> tuple[int, int]:
    """What is not for training, as a fraction of whole numbers: 0.8 leaves exactly 1 of 5."""
    return (1 - Fraction(str(train_fraction))).as_integer_ratio()


def image_name(index: int) -> str:
    """The stem of an image's three files."""
    return f"synth_{index:06d}"


def make_folders(folder: Path) -> None:
    """Make the folders of a set that are not there yet."""
    for part in PARTS:
        for subset in SUBSETS:
            (folder / part / subset).mkdir(parents=True, exist_ok=True)


@contextmanager
def explain_write_errors(folder: Path) -> Iterator[None]:
    """Say of files that cannot be written what to do about it.

    Args:
        folder: where they go.

    Raises:
        SceneSetError: the disk is full, or the system refused it for another reason.
    """
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise SceneSetError(
                f"There is no room left on the disk for {folder}.",
                "Free some space, or lower scenes.images, and run again.",
            ) from error
        raise SceneSetError(
            f"{folder} cannot be written: {error}.", "Check the folder and its permissions."
        ) from error
