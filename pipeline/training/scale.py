"""At which size a training shows objects, which whoever uses the model must know.

A detector finds objects at the size at which it learned them. What it learned on whole screenshots
it finds where a whole screenshot fills its input. What it learned on tiles, in the game's own
pixels, it finds at their scale alone, however large the screenshot is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from detector_runtime.models.base import LARGEST_SCALE, SMALLEST_SCALE, TrainedOn
from detector_runtime.models.training_scale import TrainingScale
from PIL import Image

from pipeline.labels.images import UNREADABLE
from pipeline.labels.training_set import is_real

Size = tuple[int, int]
"""Width and height in pixels."""

TOLERATED = 1.25
"""Factor between two sizes of an object that are still one to a detector."""


def training_scale(
    trained_on: TrainedOn, imgsz: int, images: Iterable[Path]
) -> TrainingScale | None:
    """At which scale a training sees its images; None where that is not known.

    Most of the images decide: of tiles those that are drawn, because a real one is a screenshot.
    It is not known where no image can be read, nor where they are specks in the input.

    Args:
        trained_on: what the images show.
        imgsz: longer side of the input in pixels.
        images: to train on; repetitions do not count.
    """
    files = set(images)
    drawn = {file for file in files if not is_real(file.name)}
    sizes = Counter(_sizes(drawn if drawn and trained_on == "tile" else files))
    if not sizes:
        return None
    size = max(sizes, key=lambda each: (sizes[each], each))
    scale = imgsz / max(size)
    if not SMALLEST_SCALE <= scale <= LARGEST_SCALE:
        return None
    return TrainingScale(trained_on, scale, size)


def listed_images(training_set: Path) -> list[Path]:
    """The images that a set lists to train on, as ultralytics finds them; none without a list."""
    listed = training_set / "train.txt"
    lines = listed.read_text(encoding="utf-8").splitlines() if listed.is_file() else []
    return [training_set / line for line in lines if line.strip()]


def shrunk_frames(tile: TrainingScale, images: Iterable[Path]) -> tuple[int, float]:
    """Real images that a training on tiles sees at another size: how many, how much smaller.

    Args:
        tile: the scale of the tiles.
        images: to train on; repetitions do not count.
    """
    sides = [max(size) for size in _sizes({file for file in images if is_real(file.name)})]
    times = [side / max(tile.image_size) for side in sides]
    shrunk = [each for each in times if each > TOLERATED]
    return len(shrunk), max(shrunk, default=1.0)


def _sizes(files: Iterable[Path]) -> list[Size]:
    """Width and height, from the beginning of the files.

    What is no image is left out: whoever trains on it says so.
    """
    sizes = []
    for file in files:
        with suppress(*UNREADABLE), Image.open(file) as image:
            sizes.append(image.size)
    return sizes
