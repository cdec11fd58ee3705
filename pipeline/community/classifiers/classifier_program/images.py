"""The images of a job, and which of them an epoch sees how often.

They are whole in memory as bytes, so that no epoch decodes a file.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .constants import (
    DATA_FOLDER,
    IMAGES_FILE,
    LABELS_FILE,
    SUBSETS_FILE,
    TRAIN,
    TRUST_FILE,
    VALIDATION,
)

MEMORY = 0.5
"""Share of what was known of an image's loss before that is kept when it is seen again."""


@dataclass(frozen=True)
class Images:
    """Images of one subset.

    Attributes:
        pixels: uint8 [n, 3, height, width], RGB.
        labels: int64 [n].
        trust: float32 [n], 0 to 1: how sure the label is.
    """

    pixels: Any
    labels: Any
    trust: Any

    def __len__(self) -> int:
        return len(self.labels)


def read_images(folder: Path) -> tuple[Images, Images]:
    """Those to train on and those to validate on, of a job's folder."""
    import numpy as np
    import torch

    data = folder / DATA_FOLDER
    names = (IMAGES_FILE, LABELS_FILE, SUBSETS_FILE, TRUST_FILE)
    pixels, labels, subsets, trust = (np.load(data / name, allow_pickle=False) for name in names)

    def subset(which: int) -> Images:
        rows = np.flatnonzero(subsets == which)
        chosen = np.ascontiguousarray(pixels[rows].transpose(0, 3, 1, 2))
        return Images(
            torch.from_numpy(chosen), torch.from_numpy(labels[rows]), torch.from_numpy(trust[rows])
        )

    return subset(TRAIN), subset(VALIDATION)


def as_input(pixels: Any) -> Any:
    """Bytes as a network takes them: float32 0 to 1, in the memory order that is fastest."""
    import torch

    return pixels.to(torch.float32).div_(255).contiguous(memory_format=torch.channels_last)


class Sampler:
    """Draws the images of an epoch, with replacement.

    The chance of an image is that of its name (one by the root of how many images the name has:
    between each name alike and each image alike), times how sure its label is, times its loss in
    units of the mean, 1 to the cap. The cap keeps wrong labels, which stay hard for ever, from
    taking the training over.
    """

    def __init__(self, labels: Any, trust: Any, cap: float) -> None:
        import torch

        self.cap = cap
        counts = torch.bincount(labels).clamp_(min=1)
        self.base = trust.double().clamp(min=1e-3) / counts[labels].sqrt()
        self.losses = torch.full((len(labels),), float("nan"))

    def draw(self, generator: Any, least: int = 0) -> Any:
        """Indices of an epoch: as many as there are images, or `least` of them."""
        import torch

        weights = self.base * self.hardness()
        count = max(len(weights), least)
        return torch.multinomial(weights, count, replacement=True, generator=generator)

    def hardness(self) -> Any:
        """How much more often each image is seen, 1 to the cap."""
        import torch

        mean = self.losses.nanmean()
        if not torch.isfinite(mean) or mean <= 0:
            return torch.ones_like(self.losses)
        return (self.losses / mean).nan_to_num(1.0).clamp(1.0, self.cap)

    def learn(self, indices: Any, losses: Any) -> None:
        """Take over what the images of a step have cost."""
        import torch

        before = self.losses[indices]
        mixed = MEMORY * before + (1 - MEMORY) * losses
        self.losses[indices] = torch.where(before.isnan(), losses, mixed)
