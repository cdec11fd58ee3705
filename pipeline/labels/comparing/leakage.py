"""Frames that a model is judged on although it has seen them, or nearly, in training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from detector_runtime.classify.hashes import perceptual_hash
from detector_runtime.images import upright
from PIL import Image

from pipeline.labels.comparing.thumbnails import thumbnail_of
from pipeline.labels.comparing.views import Views, seen_among
from pipeline.labels.fingerprints import Fingerprint
from pipeline.manifests import sha256_of

LeakKind = Literal["same bytes", "near duplicate", "same name"]
"""The last one is found no more, and stands in the summaries of training sets of before."""


@dataclass(frozen=True)
class Leak:
    """A frame that is judged, with one of those trained on that are most like it.

    Attributes:
        trained, judged: batch and place of each.
        bits: that their hashes differ by.
    """

    kind: LeakKind
    trained: str
    judged: str
    bits: int

    def __str__(self) -> str:
        return f"{self.judged} is judged, {self.trained} is trained on: {self.kind}"


def find_leaks(trained: Sequence[Fingerprint], judged: Sequence[Fingerprint]) -> tuple[Leak, ...]:
    """Every judged frame whose view is trained on, once, sorted by the judged frame.

    Names tell nothing: all videos of CVAT call their frames alike. A pan of 64 pixels escapes the
    perceptual hash, and so does a frame of which little is explored: no finding is no proof.
    """
    if not trained or not judged:
        return ()
    # Together, so that the interface is known where one side alone shows too little of it.
    both = Views.of([*trained, *judged])
    seen, shown = both.part(0, len(trained)), both.part(len(trained), len(both.prints))
    return tuple(
        sorted(
            (
                Leak(_kind(trained[i], judged[j]), trained[i].title, judged[j].title, bits)
                for j, i, bits in seen_among(shown, seen)
            ),
            key=lambda leak: (leak.judged, leak.trained),
        )
    )


def fingerprint_of(file: Path) -> Fingerprint:
    """Read an image's file and take down its bytes and its thumbnail."""
    with Image.open(file) as image:
        turned = upright(image)
        thumbnail, phash = thumbnail_of(turned), perceptual_hash(turned)
        return Fingerprint(file.stem, sha256_of(file), phash, thumbnail, turned.size)


def _kind(trained: Fingerprint, judged: Fingerprint) -> LeakKind:
    return "same bytes" if trained.sha256 == judged.sha256 else "near duplicate"
