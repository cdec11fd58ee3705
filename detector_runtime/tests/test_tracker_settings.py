from __future__ import annotations

from dataclasses import Field, fields
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detector_runtime import (
    ConfigurationError,
    Detections,
    EntityTracker,
    ModelSource,
    MotionNoise,
    TrackerSettings,
)

SCREEN = (1000, 600)
NAMES = ("sheep", "villager")
NO_NUMBERS = ["1", None, float("nan"), float("inf"), -float("inf"), -1, -1e-9, [1.0]]
LIMITS = {
    **dict.fromkeys(("iou_threshold", "recent_iou", "weak_iou"), (0.0, 1.0)),
    **dict.fromkeys(("other_class_iou", "lost_iou", "sure_score"), (0.0, 1.0)),
    "steady_share": (0.0, 3.0),
    "frame_seconds": (1e-6, 10.0),
    "max_steps": (1.0, 1000.0),
    "confirm_hits": (1, 6),
}
"""Of what is tried of each field; counts without any go from 0 to 6, noises from 0.001 to 1000."""


def is_count(field: Field[Any]) -> bool:
    return field.type in (int, "int")


EVERY_FIELD = [
    pytest.param(settings_class, field, id=f"{settings_class.__name__}.{field.name}")
    for settings_class in (TrackerSettings, MotionNoise)
    for field in fields(settings_class)
]


@pytest.mark.parametrize(("settings_class", "field"), EVERY_FIELD)
def test_every_field_refuses_what_it_cannot_be(settings_class: type, field: Field[Any]) -> None:
    wrong = [*NO_NUMBERS, 1.5] if is_count(field) else NO_NUMBERS
    for value in wrong:
        with pytest.raises(ConfigurationError, match=rf"^{field.name} is"):
            settings_class(**{field.name: value})


@pytest.mark.parametrize(
    ("name", "value"), [("iou_threshold", 2.0), ("confirm_hits", 0), ("frame_seconds", 0.0)]
)
def test_what_lies_beyond_the_limits_of_a_field_is_refused(name: str, value: float) -> None:
    with pytest.raises(ConfigurationError, match=rf"^{name} is"):
        TrackerSettings(**{name: value})  # type: ignore[arg-type]


def test_noise_beyond_any_screen_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="first_velocity is"):
        MotionNoise(first_velocity=1e200)


def value_of(field: Field[Any]) -> st.SearchStrategy[Any]:
    if is_count(field):
        return st.integers(*LIMITS.get(field.name, (0, 6)))  # type: ignore[arg-type]
    if field.name in LIMITS:
        return st.floats(*LIMITS[field.name])
    return st.floats(1e-3, 1e3)


NOISES = st.builds(MotionNoise, **{each.name: value_of(each) for each in fields(MotionNoise)})
SETTINGS = st.builds(
    TrackerSettings,
    **{each.name: value_of(each) for each in fields(TrackerSettings) if each.name != "noise"},
    noise=NOISES,
)


def frames(seed: int) -> list[tuple[Detections, Detections]]:
    """What counts and what is weak in ten frames of units that walk, vanish and change class."""
    rng = np.random.default_rng(seed)
    start, step = rng.uniform(0, 600, (6, 2)), rng.uniform(-30, 30, (6, 2))
    both = []
    for number in range(10):
        centres = start + number * step + rng.normal(0, 4, (6, 2))
        shown = rng.random(6)
        both.append(
            (
                detections(centres[shown < 0.7], rng),
                detections(centres[(shown >= 0.7) & (shown < 0.9)], rng),
            )
        )
    return both


def detections(centres: np.ndarray, rng: np.random.Generator) -> Detections:
    count = len(centres)
    return Detections(
        boxes=np.concatenate([centres - 20, centres + 20], 1).astype(np.float32),
        scores=np.sort(rng.uniform(0.1, 1, count)).astype(np.float32)[::-1],
        class_ids=rng.integers(0, 2, count),
        class_names=NAMES,
        ids=("",) * count,
        source=ModelSource("mock", "test"),
        image_size=SCREEN,
        tentative=np.zeros(count, np.bool_),
    )


@settings(max_examples=60, deadline=None)
@given(chosen=SETTINGS, seed=st.integers(0, 1000))
def test_a_tracker_works_with_every_setting_that_is_accepted(
    chosen: TrackerSettings, seed: int
) -> None:
    following = EntityTracker(NAMES, chosen)
    for number, (counted, weak) in enumerate(frames(seed)):
        found = following.update(counted, weak, timestamp=0.7 * number, camera_shift=(3.0, -2.0))
        assert len(counted) <= len(found) <= len(counted) + len(weak)
        assert len(set(found.ids)) == len(found)
        confidence = following.get_confidence()
        assert 0.0 <= confidence <= 1.0
        if confidence > 0:
            assert np.isfinite(following.predict().boxes).all()
