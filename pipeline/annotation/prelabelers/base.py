"""The protocol of whatever finds boxes in an image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from PIL import Image

from pipeline.evaluation.matching import ScoredBox


class Prelabeler(Protocol):
    """Finds boxes for people to correct."""

    @property
    def name(self) -> str:
        """Back end and model with its version, for people."""

    @property
    def left_out_classes(self) -> tuple[str, ...]:
        """Classes that are never found: those of the model that the game lacks, or those of the
        game that the model is not told about; sorted."""

    def find(self, image: Image.Image) -> Sequence[ScoredBox]:
        """Boxes of an upright RGB image, in its pixels; class ids are the game's.

        Raises:
            OutpostError: the model or its service fails.
        """

    def close(self) -> None:
        """Frees what it holds; it is of no use afterwards."""
