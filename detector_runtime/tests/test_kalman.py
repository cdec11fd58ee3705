from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from detector_runtime.tracking.kalman import Motion, MotionNoise, centred

NOISE = MotionNoise()
H = np.eye(6)[[0, 1, 4, 5]]
R = np.diag([5.0, 5, 3, 3]) ** 2
P0 = np.diag([10.0, 10, 100, 100, 10, 10]) ** 2
Q = np.diag([10.0, 10, 5, 5, 2, 2]) ** 2


class GeneralFilter:
    """The textbook's filter with whole matrices, as an oracle."""

    def __init__(self, measured: np.ndarray) -> None:
        self.x = H.T @ measured
        self.p = P0.copy()

    def predict(self, steps: float) -> None:
        f = np.eye(6)
        f[0, 2] = f[1, 3] = steps
        self.x = f @ self.x
        self.p = f @ self.p @ f.T + steps * Q

    def update(self, measured: np.ndarray) -> None:
        gain = self.p @ H.T @ np.linalg.inv(H @ self.p @ H.T + R)
        self.x = self.x + gain @ (measured - H @ self.x)
        self.p = (np.eye(6) - gain @ H) @ self.p


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    steps=st.lists(st.sampled_from([1.0, 0.5, 2.0, 3.7]), min_size=1, max_size=40),
)
def test_closed_form_equals_the_general_filter(seed: int, steps: list[float]) -> None:
    rng = np.random.default_rng(seed)
    first = rng.uniform(0, 1000, (5, 4))
    motion = Motion.start(NOISE, first)
    oracles = [GeneralFilter(each) for each in first]
    for step in steps:
        motion.predict(step)
        seen = np.flatnonzero(rng.random(5) < 0.7)
        measured = rng.uniform(0, 1000, (5, 4))
        motion.update(seen, measured[seen])
        for index, oracle in enumerate(oracles):
            oracle.predict(step)
            if index in seen:
                oracle.update(measured[index])
    for index, oracle in enumerate(oracles):
        np.testing.assert_allclose(motion.mean[index], oracle.x, rtol=1e-9, atol=1e-8)
        expected = oracle.p
        np.testing.assert_allclose(motion.position[index], expected[0, 0], rtol=1e-8)
        np.testing.assert_allclose(motion.position[index], expected[1, 1], rtol=1e-8)
        np.testing.assert_allclose(motion.cross[index], expected[0, 2], rtol=1e-8, atol=1e-8)
        np.testing.assert_allclose(motion.velocity[index], expected[3, 3], rtol=1e-8)
        np.testing.assert_allclose(motion.size[index], expected[4, 4], rtol=1e-8)
        assert abs(expected[0, 1]) < 1e-9  # the axes are independent


def test_a_steady_walk_is_followed() -> None:
    motion = Motion.start(NOISE, np.array([[100.0, 50, 20, 30]]))
    for frame in range(1, 15):
        motion.predict(1.0)
        motion.update(np.array([0]), np.array([[100.0 + 8 * frame, 50 - 3 * frame, 20, 30]]))
    np.testing.assert_allclose(motion.mean[0, 2:4], [8, -3], atol=0.1)
    motion.predict(2.5)
    np.testing.assert_allclose(motion.mean[0, :2], [100 + 8 * 16.5, 50 - 3 * 16.5], atol=0.5)


def test_boxes_and_centres_are_inverse() -> None:
    boxes = np.array([[10, 20, 40, 80], [0, 0, 5, 7]], np.float32)
    np.testing.assert_allclose(Motion.start(NOISE, centred(boxes)).boxes(), boxes)
