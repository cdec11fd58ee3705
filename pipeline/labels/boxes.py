"""The box that every label, truth and detection comes down to."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Box:
    """An axis-aligned box in pixels, `x2` and `y2` exclusive."""

    x1: float
    y1: float
    x2: float
    y2: float

    @property
    def width(self) -> float:
        return self.x2 - self.x1

    @property
    def height(self) -> float:
        return self.y2 - self.y1

    @property
    def area(self) -> float:
        return max(self.width, 0.0) * max(self.height, 0.0)

    def clipped(self, width: int, height: int) -> Box:
        """The part inside a picture of that size; empty (area 0) when it lies outside."""
        x1, x2 = (min(max(x, 0.0), float(width)) for x in (self.x1, self.x2))
        y1, y2 = (min(max(y, 0.0), float(height)) for y in (self.y1, self.y2))
        return Box(x1, y1, x2, y2)


@dataclass(frozen=True)
class LabelledBox:
    """A box with its class id, as numbered by the game pack."""

    class_id: int
    box: Box
