from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from pipeline.labels.boxes import Box
from pipeline.labels.inspection.findings import LabelFinding
from pipeline.labels.inspection.tracks import STILL_FRAMES, TrackedBox, TrackWatch, thumbnail_of

BOX = Box(10, 8, 26, 24)
FRAMES = 20


def ground(seed: int, brightness: float = 1.0) -> Image.Image:
    rng = np.random.default_rng(seed)
    coarse = (rng.integers(40, 220, (12, 16, 3)) * brightness).astype(np.uint8)
    return Image.fromarray(coarse).resize((64, 48), Image.Resampling.BICUBIC)


def watched(
    image: Callable[[int], Image.Image],
    box: Callable[[int], Box] = lambda n: BOX,
    is_key: Callable[[int], bool] = lambda n: n == 0,
    frames: int = FRAMES,
) -> tuple[LabelFinding, ...]:
    watch = TrackWatch()
    for n in range(frames):
        thumbnail = thumbnail_of(image(n), box(n))
        watch.see(
            TrackedBox(f"{n}.png", ("default", "", "3"), "sheep", box(n), is_key(n), thumbnail)
        )
    return watch.findings()


def test_a_track_that_stands_while_the_image_changes_is_told() -> None:
    (found,) = watched(ground)
    assert (found.kind, found.frame, found.class_name, found.box) == (
        "still track",
        "0.png",
        "sheep",
        BOX,
    )
    assert "track 3 does not move over 20 frames, to 19.png" in found.problem


def test_a_unit_that_is_gone_before_a_still_camera_is_told() -> None:
    """Nothing changes from frame to frame but where it stood at first."""
    with_unit = ground(1)
    with_unit.paste(ground(2).crop((0, 0, 14, 14)), (11, 9))
    assert len(watched(lambda n: with_unit if n < 3 else ground(1))) == 1


def test_a_unit_that_stands_for_long_before_it_is_gone_is_told() -> None:
    def died_at(frame: int) -> tuple[LabelFinding, ...]:
        return watched(lambda n: ground(1 if n < frame else 2), frames=60)

    assert len(died_at(60 - STILL_FRAMES)) == 1
    assert died_at(61 - STILL_FRAMES) == ()


@pytest.mark.parametrize(
    "image",
    [
        lambda n: ground(1),
        lambda n: ground(1, 0.4 if n % 2 else 1.0),
        lambda n: Image.fromarray(
            np.clip(
                np.asarray(ground(1)).astype(int)
                + np.random.default_rng(n).integers(-8, 9, (48, 64, 3)),
                0,
                255,
            ).astype(np.uint8)
        ),
        lambda n: Image.new("RGB", (64, 48), (90, 120, 60)),
    ],
    ids=["same", "in and out of the fog", "noise of a video", "plain"],
)
def test_a_building_is_not(image: Callable[[int], Image.Image]) -> None:
    assert watched(image) == ()


def test_a_track_that_moves_is_not() -> None:
    assert watched(ground, box=lambda n: Box(10 + n, 8, 26 + n, 24)) == ()


def test_a_box_that_a_person_has_set_again_is_not() -> None:
    assert watched(ground, is_key=lambda n: n % (STILL_FRAMES - 1) == 0) == ()


def test_a_few_frames_are_not() -> None:
    assert watched(ground, frames=STILL_FRAMES - 1) == ()
    assert len(watched(ground, frames=STILL_FRAMES)) == 1


def test_a_track_that_stands_at_last_is_told_from_where_it_came_to_stand() -> None:
    (found,) = watched(ground, box=lambda n: Box(*(side + min(n, 8) for side in BOX)))
    assert found.frame == "8.png"
    (found,) = watched(ground, box=lambda n: Box(*(side + max(n - 11, 0) for side in BOX)))
    assert found.frame == "0.png"
