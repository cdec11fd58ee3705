"""Boxes of a synthetic set with their owners, as a head looks at them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from detector_runtime.owners.evidence import GRID, sampled
from PIL import Image

from pipeline.labels.synthetic import Subset
from pipeline.scenes.dataset.synthetic_set import SyntheticSet
from pipeline.subsampling import spread_over

JITTER = 0.05
"""How far a detector's sides are off, as a share of the box's: one standard deviation."""


@dataclass(frozen=True, eq=False)
class OwnerExamples:
    """Boxes of things with a class.

    Attributes:
        samples: uint8 [n, GRID, GRID, 3], RGB.
        inside: bool [n, GRID, GRID], which of these points lie in the image.
        class_ids: [n].
        targets: float32 [n, players + 1], what a head should say: the owner, the last one for
            nature. All players alike for what shows no player's colour though its class does: a
            house without a banner may be anybody's.
    """

    samples: npt.NDArray[np.uint8]
    inside: npt.NDArray[np.bool_]
    class_ids: npt.NDArray[np.intp]
    targets: npt.NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.class_ids)

    @property
    def told(self) -> npt.NDArray[np.bool_]:
        """Which of them show whose they are."""
        return np.asarray(self.targets.max(axis=1, initial=0) == 1)


def examples_of(
    drawn: SyntheticSet, subset: Subset, players: int, most_images: int, seed: int
) -> OwnerExamples:
    """The labelled objects of images that are spread evenly over a subset.

    Args:
        seed: of how far boxes are off, as those of a detector are.

    Raises:
        SceneSetError: the set cannot be read.
    """
    rng = np.random.default_rng([seed, len(subset)])
    numbers = {name: index for index, name in enumerate(drawn.summary.classes)}
    # Of no image, so that a subset without objects has examples of the same shapes.
    samples = [np.zeros((0, GRID, GRID, 3), np.uint8)]
    inside = [np.zeros((0, GRID, GRID), np.bool_)]
    classes, owners = list[int](), list[int]()
    scenes = [scene for scene in drawn.scenes() if scene.subset == subset]
    for scene in spread_over(scenes, most_images):
        objects = [one for one in scene.objects if one.dropped is None and one.visible]
        if not objects:
            continue
        boxes = np.array([one.visible for one in objects], np.float64)
        sides = np.tile(boxes[:, 2:] - boxes[:, :2], 2)
        with Image.open(scene.image) as image:
            pixels = np.asarray(image.convert("RGB"))
        seen, there = sampled(pixels, boxes + rng.normal(0, JITTER, boxes.shape) * sides)
        samples.append(seen)
        inside.append(there)
        classes += [numbers[one.class_name] for one in objects]
        owners += [players if one.player is None else one.player for one in objects]
    class_ids = np.array(classes, np.intp)
    targets = _targets(class_ids, np.array(owners), players)
    return OwnerExamples(np.concatenate(samples), np.concatenate(inside), class_ids, targets)


def _targets(
    class_ids: npt.NDArray[np.intp], owners: npt.NDArray[np.int64], players: int
) -> npt.NDArray[np.float32]:
    targets = np.zeros((len(owners), players + 1), np.float32)
    targets[np.arange(len(owners)), owners] = 1
    owned: Sequence[int] = np.unique(class_ids[owners < players]).tolist()
    anybody = (owners == players) & np.isin(class_ids, owned)
    targets[anybody] = np.array([1 / players] * players + [0], np.float32)
    return targets
