from __future__ import annotations

import logging
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from detector_runtime import (
    ConfigurationError,
    Detector,
    DetectorSettings,
    EntityTracker,
    ImageError,
    ModelOutputError,
    TrackerSettings,
    open_detector,
)
from detector_runtime.geometry.candidates import Candidates
from detector_runtime.geometry.tiling import Region

SIDE = 64
"""Input side of the block model, which sees red blocks of 16 pixels on a grid of 16."""


def opened(path: Path, **settings: object) -> Detector:
    return open_detector(path, settings=DetectorSettings(**settings))  # type: ignore[arg-type]


def blocks(size: tuple[int, int], *corners: tuple[int, int], side: int = 16) -> np.ndarray:
    image = np.zeros((size[1], size[0], 3), np.uint8)
    for x, y in corners:
        image[y : y + side, x : x + side, 0] = 255
    return image


def corners(found: object) -> set[tuple[int, int]]:
    return {(round(entity.bbox[0]), round(entity.bbox[1])) for entity in found}  # type: ignore[attr-defined]


def test_tiles_find_what_the_whole_image_hides(block_model: Callable[..., Path]) -> None:
    # Tiles begin at 0, 58 and 96: blocks are placed on the grid of their tile.
    image = blocks((160, 160), (0, 0), (58 + 32, 32), (96 + 48, 96 + 48))
    detector = opened(block_model())
    assert len(detector.detect_fast(image)) == 0
    assert corners(detector.detect(image)) == {(0, 0), (90, 32), (144, 144)}


def test_without_tiling_or_for_small_images_detect_looks_once(
    block_model: Callable[..., Path],
) -> None:
    image = blocks((160, 160), (96 + 48, 96 + 48))
    assert len(opened(block_model(), use_sahi=False).detect(image)) == 0
    small = blocks((64, 48), (16, 24))
    assert len(opened(block_model()).detect(small)) == 1


def test_one_thing_in_two_tiles_is_reported_once() -> None:
    left, right = Region(0, 0, 640, 640), Region(576, 0, 640, 640)
    whole = np.array([[560, 100, 630, 180, 0.7, 0]], np.float32)
    piece = np.array([[0, 100, 54, 180, 0.9, 0], [300, 0, 340, 50, 0.8, 0]], np.float32)
    merged = Candidates.of([whole, piece], [left, right], (1216, 640)).distinct(0.9, None)
    assert merged.boxes.tolist() == [[876, 0, 916, 50], [560, 100, 630, 180]]
    alone = Candidates.of([whole[:0], piece], [left, right], (1216, 640)).distinct(0.9, None)
    assert len(alone.boxes) == 2


def test_the_middle_is_looked_at_twice(block_model: Callable[..., Path]) -> None:
    image = blocks((128, 128), (32 + 16, 32 + 16))
    detector = opened(block_model())
    assert len(detector.detect_fast(image)) == 0
    assert corners(detector.detect_fast_multi(image)) == {(48, 48)}


@pytest.mark.parametrize("share", [0, 0.05, 1.5, float("nan"), "half"])
def test_a_middle_that_is_none_is_refused(block_model: Callable[..., Path], share: object) -> None:
    detector = opened(block_model())
    with pytest.raises(ConfigurationError, match="center_fraction"):
        detector.detect_fast_multi(blocks((64, 64)), center_fraction=share)  # type: ignore[arg-type]
    assert detector.last is None


def test_adaptive_looks_at_all_first_and_then_where_things_are(
    block_model: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    detector = opened(block_model(), full_scan_interval=3)
    looks: list[int] = []
    infer = detector.model.infer
    monkeypatch.setattr(
        detector.model,
        "infer",
        lambda frames, floor: (looks.append(len(frames)), infer(frames, floor))[1],
    )
    size = (640, 640)
    everywhere = 1 + 121
    large = [(16 * 10 * 2, 16 * 10 * 2)]
    image = blocks(size, *large, side=160)
    detector.detect_adaptive(image)
    assert looks == [everywhere]
    detector.detect_adaptive(image)
    assert looks[1] == 1
    assert 1 < looks[2] < everywhere
    detector.detect_adaptive(image)
    detector.detect_adaptive(image)
    assert looks[-1] == everywhere
    detector.detect_adaptive(image, force_full=True)
    assert looks[-2:] == [everywhere, everywhere]


def test_adaptive_looks_where_something_disappeared(block_model: Callable[..., Path]) -> None:
    # Too small for the fast look: only its place in the last result brings the tiles there.
    detector = opened(block_model(), tracking="none")
    image = blocks((640, 640), (0, 0))
    assert corners(detector.detect_adaptive(image)) == {(0, 0)}
    assert corners(detector.detect_adaptive(image)) == {(0, 0)}
    assert corners(detector.detect_adaptive(blocks((640, 640)))) == set()
    assert corners(detector.detect_adaptive(image)) == set()


@pytest.mark.parametrize("tracking", ["kalman", "greedy", "none"])
def test_a_tile_that_is_full_says_so_in_the_result_and_in_its_json(
    block_model: Callable[..., Path], tracking: str
) -> None:
    detector = opened(block_model(rows=2), tracking=tracking, warn_truncated=False)
    image = blocks((320, 160), (0, 0), (32, 32))
    assert not detector.detect_fast(image).truncated, "too small for a look at the whole"
    for mode in (detector.detect, detector.detect_adaptive):
        found = mode(image)
        assert len(found) == 2
        assert found.truncated
        assert found.confirmed().truncated
        assert found.to_dict()["truncated"] is True
    assert not detector.detect(blocks((320, 160), (0, 0), (160, 32))).truncated, "one in each tile"


def test_a_mode_that_fits_not_says_by_how_much(
    block_model: Callable[..., Path], caplog: pytest.LogCaptureFixture
) -> None:
    detector = opened(block_model())
    image = blocks((320, 160), (0, 0))
    with caplog.at_level(logging.WARNING):
        assert detector.detect_fast(image).scale_ratio == pytest.approx(1.0)
        assert caplog.text == ""
        for _ in range(3):
            assert detector.detect(image).scale_ratio == pytest.approx(5.0)
    assert caplog.text.count("5.0 times larger") == 1


def test_what_is_seen_too_large_is_said_once_whichever_modes_are_called(
    block_model: Callable[..., Path], caplog: pytest.LogCaptureFixture
) -> None:
    detector = opened(block_model())
    image = blocks((320, 160), (0, 0))
    with caplog.at_level(logging.WARNING):
        for mode in ("detect_fast_multi", "detect", "detect_adaptive", "detect_fast_multi"):
            assert getattr(detector, mode)(image).scale_ratio > 1.25
        assert caplog.text.count("times larger") == 1
        detector.replace_model(opened(block_model()).model)
        detector.detect(image)
    assert caplog.text.count("times larger") == 2, "another model is another reason"


def test_a_model_of_tiles_is_warned_about_whole_images(
    make_bundle: Callable[..., Path], caplog: pytest.LogCaptureFixture
) -> None:
    detector = open_detector(make_bundle(io={"trained_on": "tile"}))
    image = blocks((320, 160), (0, 0))
    with caplog.at_level(logging.WARNING):
        detector.detect(image)
        assert caplog.text == ""
        assert detector.detect_fast(image).scale_ratio == pytest.approx(0.2)
    assert "5.0 times smaller" in caplog.text


def test_ids_persist_over_modes(block_model: Callable[..., Path]) -> None:
    detector = opened(block_model())
    image = blocks((64, 64), (16, 16), (48, 32))
    first = detector.detect_fast(image)
    for look in (detector.detect, detector.detect_fast_multi, detector.detect_adaptive):
        assert set(look(image).ids) >= set(first.ids)
    assert not detector.last.tentative.any()


def test_a_weak_sighting_keeps_the_track(block_model: Callable[..., Path]) -> None:
    detector = opened(block_model())
    strong = blocks((64, 64), (16, 16))
    first = detector.detect_fast(strong)
    detector.detect_fast(strong)
    weak = detector.detect_fast(strong // 4)
    assert weak.ids == first.ids
    assert weak[0].confidence == pytest.approx(0.25, abs=0.01)
    assert len(opened(block_model(), tracking="none").detect_fast(strong // 4)) == 0


def test_without_tracking_images_know_nothing_of_each_other(
    block_model: Callable[..., Path],
) -> None:
    detector = opened(block_model(), tracking="none")
    for corner in ((0, 0), (16, 16), (48, 48)):
        found = detector.detect_fast(blocks((64, 64), corner))
        assert (found.ids, found[0].tentative) == (("sheep_0",), False)
    assert detector.tracker is None


def test_a_panning_camera_takes_the_tracks_along(block_model: Callable[..., Path]) -> None:
    rng = np.random.default_rng(0)
    ground = np.kron(rng.integers(0, 200, (300, 400)), np.ones((4, 4), int)).astype(np.uint8)

    def shot(x: int) -> np.ndarray:
        image = np.zeros((640, 640, 3), np.uint8)
        image[..., 1] = ground[100:740, x : x + 640]
        image[320:480, 480 - x : 640 - x, 0] = 255
        return image

    found = {}
    for follow in (True, False):
        detector = opened(block_model(), follow_camera=follow)
        detector.detect_fast(shot(0))
        detector.detect_fast(shot(0))
        found[follow] = detector.detect_fast(shot(320)).ids
    assert found[True] == ("villager_0",) or found[True] == ("sheep_0",)
    assert found[False] != found[True]


def test_a_jump_to_another_place_begins_anew(block_model: Callable[..., Path]) -> None:
    detector = opened(block_model())
    noise = np.random.default_rng(0).integers(0, 60, (2, 640, 640, 3)).astype(np.uint8)
    for image in noise:
        image[160:320, 160:320, 0] = 255
    first = detector.detect_fast(noise[0])
    assert detector.detect_fast(noise[0]).ids == first.ids
    assert set(detector.detect_fast(noise[1]).ids).isdisjoint(first.ids)


def test_failures_leave_the_tracks_as_they_were(
    block_model: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    detector = opened(block_model())
    image = blocks((64, 64), (16, 16))
    first = detector.detect_fast(image, timestamp=1.0)
    with pytest.raises(ImageError):
        detector.detect_fast(np.full((64, 64, 3), np.nan))
    with pytest.raises(ConfigurationError, match="timestamp"):
        detector.detect_fast(image, timestamp=0.5)
    infer = detector.model.infer

    def broken(*arguments: object) -> None:
        raise ModelOutputError("broken", "correct it")

    monkeypatch.setattr(detector.model, "infer", broken)
    with pytest.raises(ModelOutputError):
        detector.detect_fast(image, timestamp=2.0)
    monkeypatch.setattr(detector.model, "infer", infer)
    again = detector.detect_fast(image, timestamp=2.0)
    assert again.ids == first.ids
    assert not again[0].tentative


def test_tracking_can_be_forgotten(block_model: Callable[..., Path]) -> None:
    detector = opened(block_model(), tracker=TrackerSettings(confirm_hits=3))
    image = blocks((64, 64), (16, 16))
    assert detector.detect_fast(image).ids == ("sheep_0",)
    detector.reset_tracking()
    assert detector.last is None
    assert detector.detect_fast(image).ids == ("sheep_1",)
    greedy = opened(block_model(), tracking="greedy")
    assert greedy.detect_fast(image).ids == greedy.detect_fast(image).ids == ("sheep_0",)


@pytest.mark.exhaustive
@pytest.mark.timeout(1200)
def test_ten_thousand_frames_take_no_memory_and_no_id_twice(
    block_model: Callable[..., Path],
) -> None:
    detector = opened(block_model())
    assert isinstance(detector.tracker, EntityTracker)
    rng = np.random.default_rng(0)
    alive: set[str] = set()
    gone: set[str] = set()
    sizes = []
    tracemalloc.start()
    for frame in range(10_000):
        places = [tuple(place) for place in (rng.integers(0, 4, (3, 2)) * 16).tolist()]
        image = blocks((64, 64), *places)
        if frame % 100 == 0:
            image = np.repeat(image, 2, axis=1)
        found = detector.detect_fast(image)
        assert gone.isdisjoint(found.ids)
        before, alive = alive, set(detector.tracker._tracks.ids)
        gone |= (before | set(found.ids)) - alive
        if frame % 1000 == 999:
            # What this test itself remembers does not count.
            sizes.append(tracemalloc.get_traced_memory()[0] - 120 * len(gone))
    tracemalloc.stop()
    assert len(gone) > 1000
    assert max(sizes[1:]) - min(sizes[1:]) < 2_000_000
