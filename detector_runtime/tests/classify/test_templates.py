from __future__ import annotations

import io
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from detector_runtime.classify.templates import (
    INNER,
    SHIFT,
    SIDE,
    IconTemplates,
    as_icons,
    correlations,
)
from detector_runtime.errors import ConfigurationError, ImageError

from .conftest import drawn_icon

NAMES = [f"{family} {member}" for family in range(20) for member in range(3)]
ICONS = [drawn_icon(family, member) for family in range(20) for member in range(3)]


def seen(icon: np.ndarray, seed: int) -> np.ndarray:
    """An icon as a screenshot shows it: of another size, shifted, darker, compressed."""
    rng = np.random.default_rng([seed])
    moved = np.roll(icon, tuple(rng.integers(-SHIFT, SHIFT + 1, 2)), (0, 1))
    side = int(rng.integers(36, 60))
    small = Image.fromarray((moved * rng.uniform(0.8, 1.0)).astype(np.uint8)).resize((side, side))
    stored = io.BytesIO()
    small.save(stored, "JPEG", quality=88)
    return np.asarray(Image.open(stored).convert("RGB"))


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 2**32 - 1))
def test_correlations_are_those_of_opencv(seed: int) -> None:
    rng = np.random.default_rng(seed)
    icon = rng.integers(0, 256, (SIDE, SIDE, 3)).astype(np.uint8)
    reference = np.roll(icon, 1, 0)[SHIFT:-SHIFT, SHIFT:-SHIFT] // 2 + rng.integers(
        0, 100, (INNER, INNER, 3)
    ).astype(np.uint8)
    expected = cv2.matchTemplate(icon, np.ascontiguousarray(reference), cv2.TM_CCOEFF_NORMED)
    found = correlations(icon, reference.transpose(2, 0, 1)[None])
    assert np.allclose(found.reshape(expected.shape), expected, atol=2e-4)


def test_look_alikes_are_told_apart_on_what_a_screenshot_shows() -> None:
    templates = IconTemplates.of(NAMES, ICONS)
    crops = as_icons([seen(icon, place) for place, icon in enumerate(ICONS)])
    assert [one.names[0] for one in templates.match(crops)] == NAMES


def test_the_image_itself_is_surely_found_and_a_stranger_is_not() -> None:
    templates = IconTemplates.of(NAMES, ICONS)
    same, strange = templates.match(as_icons([ICONS[7], drawn_icon(99)]))
    assert same.names[0] == NAMES[7]
    assert same.scores[0] > 0.99
    assert same.confidence > 0.95
    assert strange.confidence < 0.5


def test_several_references_of_one_name_count_as_one() -> None:
    templates = IconTemplates.of(["a", "a", "b"], [ICONS[0], ICONS[1], ICONS[30]])
    (found,) = templates.match(as_icons([ICONS[0]]))
    assert sorted(found.names) == ["a", "b"]


def test_flat_images_are_like_nothing() -> None:
    grey = np.full((SIDE, SIDE, 3), 77, np.uint8)
    templates = IconTemplates.of(["flat", "icon"], [grey, ICONS[0]])
    (found,) = templates.match(as_icons([grey]))
    assert np.isfinite(found.scores).all()
    assert found.confidence < 0.5


def test_no_references_find_nothing() -> None:
    (found,) = IconTemplates.of([], []).match(as_icons([ICONS[0]]))
    assert (found.names, found.confidence) == ((), 0.0)


def test_the_last_added_references_stay() -> None:
    templates = IconTemplates.of([], [])
    for name, icon in zip(NAMES[:5], ICONS, strict=False):
        templates = templates.with_one(name, icon).without_oldest(3)
    assert templates.names == tuple(NAMES[2:5])
    assert templates.match(as_icons([ICONS[4]]))[0].names[0] == NAMES[4]


def test_a_confidence_that_is_fitted_says_how_often_a_name_is_right() -> None:
    templates = IconTemplates.of(NAMES[:30], ICONS[:30])
    crops = [seen(icon, place) for place, icon in enumerate(ICONS)]
    fitted = templates.fitted(crops, NAMES)
    found = fitted.match(as_icons(crops))
    said = sum(one.confidence for one in found)
    right = sum(one.names[0] == name for one, name in zip(found, NAMES, strict=True))
    assert abs(said - right) < 2
    with pytest.raises(ConfigurationError):
        templates.fitted(ICONS[:3], NAMES[:3])


def test_a_folder_of_icons_names_them_by_file_or_by_its_list(tmp_path: Path) -> None:
    clear = np.dstack([ICONS[0], np.full((SIDE, SIDE), 255, np.uint8)])
    clear[:8, :, 3] = 0
    Image.fromarray(clear).save(tmp_path / "Phaser Array.png")
    Image.fromarray(ICONS[3]).save(tmp_path / "x1.webp", lossless=True)
    (tmp_path / "notes.txt").write_text("not an icon")
    templates = IconTemplates.load(tmp_path, background=(10, 20, 30))
    assert templates.names == ("Phaser Array", "x1")
    assert templates.inner[0][:, 0, 0].tolist() == [10, 20, 30]
    (tmp_path / "icons.json").write_text(json.dumps({"x1.webp": "Tractor: Beam?"}))
    assert IconTemplates.load(tmp_path).names == ("Tractor: Beam?",)


@pytest.mark.parametrize("content", ["[", '["x.png"]', '{"../x.png": "a"}', '{"x.png": ""}'])
def test_a_list_that_cannot_be_used_is_refused(tmp_path: Path, content: str) -> None:
    Image.fromarray(ICONS[0]).save(tmp_path / "x.png")
    (tmp_path / "icons.json").write_text(content)
    with pytest.raises(ConfigurationError):
        IconTemplates.load(tmp_path)


def test_folders_and_files_that_cannot_be_used_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError):
        IconTemplates.load(tmp_path / "none")
    with pytest.raises(ConfigurationError):
        IconTemplates.load(tmp_path)
    (tmp_path / "a.png").write_bytes(b"no image")
    with pytest.raises(ImageError):
        IconTemplates.load(tmp_path)
    Image.new("1", (9000, 9000)).save(tmp_path / "a.png")
    with pytest.raises(ImageError):
        IconTemplates.load(tmp_path)
    with pytest.raises(ConfigurationError):
        IconTemplates.of(["a", "b"], [ICONS[0]])
