"""Frames that a model is judged on although it has seen them, or nearly, in training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Literal

from detector_runtime.images import upright
from PIL import Image

from pipeline.labels.fingerprints import (
    NEAR_DUPLICATE_BITS,
    Fingerprint,
    hash_distances,
    perceptual_hash,
)
from pipeline.manifests import sha256_of

LeakKind = Literal["same name", "same bytes", "near duplicate"]


@dataclass(frozen=True)
class Leak:
    """A pair of frames on both sides: their stems, and how many bits their hashes differ by."""

    kind: LeakKind
    trained: str
    judged: str
    bits: int

    def __str__(self) -> str:
        return f"{self.judged} is judged, {self.trained} is trained on: {self.kind}"


def find_leaks(trained: Sequence[Fingerprint], judged: Sequence[Fingerprint]) -> tuple[Leak, ...]:
    """Every pair that is too alike, once, by the plainest sign, sorted by the judged frame.

    A pan of 64 pixels escapes the perceptual hash: no finding is no proof.
    """
    if not trained or not judged:
        return ()
    bits = hash_distances([one.phash for one in trained], [one.phash for one in judged])
    leaks = []
    for (i, one), (j, other) in product(enumerate(trained), enumerate(judged)):
        kind = _kind(one, other, int(bits[i, j]))
        if kind is not None:
            leaks.append(Leak(kind, one.stem, other.stem, int(bits[i, j])))
    return tuple(sorted(leaks, key=lambda leak: (leak.judged, leak.trained)))


def fingerprint_of(file: Path) -> Fingerprint:
    """Read an image's file and hash its bytes and its look."""
    with Image.open(file) as image:
        return Fingerprint(file.stem, sha256_of(file), perceptual_hash(upright(image)))


def _kind(trained: Fingerprint, judged: Fingerprint, bits: int) -> LeakKind | None:
    if trained.stem == judged.stem:
        return "same name"
    if trained.sha256 == judged.sha256:
        return "same bytes"
    return "near duplicate" if bits <= NEAR_DUPLICATE_BITS else None
