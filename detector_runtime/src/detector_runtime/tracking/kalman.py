"""The motion filter: constant velocity, many tracks at once, in closed form.

The state is `(x, y, vx, vy, w, h)`: centre, velocity and size in pixels and pixels per frame. With
diagonal noise the six-dimensional filter falls apart exactly: x with vx, y with vy, w and h alone,
and as the axes share their noise they share their covariance. Four numbers per track say what a 6x6
matrix would, and no matrix is ever inverted.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detector_runtime.checks import check_number

Array = NDArray[np.float64]

LEAST_MEASURED = 1e-3
MOST_NOISE = 1e6
"""Pixels, far beyond any screen; squares of them are still numbers."""


@dataclass(frozen=True)
class MotionNoise:
    """Standard deviations in pixels (velocities: pixels per frame).

    The defaults suit units of a strategy game at 5 to 20 pixels per frame and boxes that jitter by
    3 to 5 pixels.

    Attributes:
        position: how far a unit strays in a frame from where its velocity takes it. Raising it lets
            places follow the detections more closely, jitter included.
        velocity: by how much a velocity changes in a frame. Raising it follows turns sooner, and
            predicts less steadily.
        size: by how much a width or height changes in a frame. Raising it lets sizes follow the
            detections more closely, jitter included.
        measured_position: how far a detection's centre is off; above 0. Raising it smooths places
            more, and follows turns later.
        measured_size: how far a detection's width or height is off; above 0. Raising it smooths
            sizes more.
        first_position: how uncertain the centre of a new track is. Raising it lets the second
            detection count for more.
        first_velocity: how fast a new track may be, in any direction. Raising it takes on more of
            the velocity that the second detection shows, and trusts first predictions less.
        first_size: how uncertain the width and height of a new track are. Raising it lets the
            second detection count for more.
    """

    position: float = 10.0
    velocity: float = 5.0
    size: float = 2.0
    measured_position: float = 5.0
    measured_size: float = 3.0
    first_position: float = 10.0
    first_velocity: float = 100.0
    first_size: float = 10.0

    def __post_init__(self) -> None:
        for each in fields(self):
            # With nothing uncertain and nothing measured wrongly, the filter would divide 0 by 0.
            least = LEAST_MEASURED if each.name.startswith("measured") else 0.0
            check_number(each.name, getattr(self, each.name), least, MOST_NOISE)


@dataclass
class Motion:
    """The filters of n tracks.

    `mean` is (n, 6). Of each covariance matrix, `position`, `cross` and `velocity` are the entries
    of (x, x), (x, vx) and (vx, vx), the same for y, and `size` is that of (w, w) and (h, h).
    """

    noise: MotionNoise
    mean: Array
    position: Array
    cross: Array
    velocity: Array
    size: Array

    @classmethod
    def start(cls, noise: MotionNoise, measured: Array) -> Motion:
        """Filters at rest at `measured` (n, 4): centre x and y, width, height."""
        count = len(measured)
        mean = np.zeros((count, 6))
        mean[:, [0, 1, 4, 5]] = measured
        return cls(
            noise,
            mean,
            np.full(count, float(noise.first_position) ** 2),
            np.zeros(count),
            np.full(count, float(noise.first_velocity) ** 2),
            np.full(count, float(noise.first_size) ** 2),
        )

    def predict(self, steps: float) -> None:
        """Moves all tracks on by `steps` frames, which need not be a whole number."""
        noise = self.noise
        self.mean[:, :2] += steps * self.mean[:, 2:4]
        self.position += steps * (2 * self.cross + steps * self.velocity)
        self.position += steps * noise.position**2
        self.cross += steps * self.velocity
        self.velocity += steps * noise.velocity**2
        self.size += steps * noise.size**2

    def update(self, which: NDArray[np.intp], measured: Array) -> Array:
        """Corrects the tracks `which` (k,) by `measured` (k, 4).

        Returns by how far each centre was off, (k, 2).
        """
        position, cross = self.position[which], self.cross[which]
        spread = position + self.noise.measured_position**2
        position_gain, velocity_gain = position / spread, cross / spread
        size_gain = self.size[which] / (self.size[which] + self.noise.measured_size**2)
        mean = self.mean[which]
        off: Array = measured[:, :2] - mean[:, :2]
        mean[:, :2] += position_gain[:, None] * off
        mean[:, 2:4] += velocity_gain[:, None] * off
        mean[:, 4:] += size_gain[:, None] * (measured[:, 2:] - mean[:, 4:])
        self.mean[which] = mean
        self.position[which] = (1 - position_gain) * position
        self.cross[which] = (1 - position_gain) * cross
        self.velocity[which] -= velocity_gain * cross
        self.size[which] *= 1 - size_gain
        return off

    def boxes(self) -> Array:
        """Where the tracks are, as (n, 4) of x1, y1, x2, y2."""
        half = np.maximum(self.mean[:, 4:], 1.0) / 2
        return np.concatenate([self.mean[:, :2] - half, self.mean[:, :2] + half], axis=1)

    def take(self, which: NDArray[np.intp]) -> Motion:
        """A copy with only these tracks."""
        return Motion(self.noise, *(each[which] for each in self._arrays()))

    def joined(self, other: Motion) -> Motion:
        """These tracks and then the others."""
        pairs = zip(self._arrays(), other._arrays())  # noqa: B905
        return Motion(self.noise, *map(np.concatenate, pairs))

    def _arrays(self) -> tuple[Array, ...]:
        return self.mean, self.position, self.cross, self.velocity, self.size


def centred(boxes: NDArray[np.floating[Any]]) -> Array:
    """Boxes (n, 4) of corners as centre x and y, width and height."""
    corners = boxes.astype(np.float64)
    size = corners[:, 2:] - corners[:, :2]
    return np.concatenate([corners[:, :2] + size / 2, size], axis=1)
