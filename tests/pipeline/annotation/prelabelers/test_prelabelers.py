"""Back ends: our own model, sprites as prompts, tiles, YOLOE."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from doubles.models import export_metadata, write_detector
from doubles.sprites import write_library
from doubles.toy import CLASSES, toy_sprite
from PIL import Image

from pipeline.annotation.prelabelers.runtime import RuntimePrelabeler
from pipeline.annotation.prelabelers.sprite_prompts import prompts_of
from pipeline.annotation.prelabelers.tiled import TiledPrelabeler
from pipeline.annotation.prelabelers.yoloe import Prompting, YoloePrelabeler, mean_embedding
from pipeline.annotation.prelabels import PrelabelError
from pipeline.evaluation.matching import ScoredBox
from pipeline.labels.boxes import Box
from pipeline.sprites.library import OpenLibrary

IMAGE = Image.new("RGB", (128, 128), (90, 120, 30))


@pytest.fixture
def library(tmp_path: Path) -> OpenLibrary:
    rng = np.random.default_rng(3)
    folder = tmp_path / "sprites"
    write_library(folder, [toy_sprite(rng, name, n) for name in CLASSES for n in range(5)])
    return OpenLibrary(folder)


def model(folder: Path, names: Sequence[str]) -> Path:
    rows = np.zeros((300, 6), np.float32)
    rows[0], rows[1] = (10, 10, 30, 40, 0.9, 0), (50, 50, 70, 70, 0.4, 1)
    return write_detector(folder / "model.onnx", export_metadata(names), rows)


def test_our_model_is_read_by_the_names_of_its_classes(tmp_path: Path) -> None:
    prelabeler = RuntimePrelabeler(model(tmp_path, ["Boat", "dragon"]), CLASSES, 0.25)
    assert prelabeler.left_out_classes == ("dragon",)
    assert "model" in prelabeler.name
    (found,) = prelabeler.find(IMAGE)
    assert found.class_id == CLASSES.index("boat")
    assert (found.score, found.box) == (pytest.approx(0.9), Box(10, 10, 30, 40))
    prelabeler.close()


def test_what_our_model_doubts_is_left_out(tmp_path: Path) -> None:
    file = model(tmp_path, CLASSES)
    assert len(RuntimePrelabeler(file, CLASSES, 0.25).find(IMAGE)) == 2
    assert len(RuntimePrelabeler(file, CLASSES, 0.5).find(IMAGE)) == 1


def test_tiles_are_looked_at_where_the_image_is_larger_than_one(tmp_path: Path) -> None:
    large = Image.new("RGB", (240, 128))
    file = model(tmp_path, CLASSES)
    found = RuntimePrelabeler(file, CLASSES, 0.25, tiles=True).find(large)
    assert Box(10, 10, 30, 40) in [one.box for one in found]
    assert Box(162, 50, 182, 70) in [one.box for one in found], "of the second tile"
    assert len(RuntimePrelabeler(file, CLASSES, 0.25).find(large)) == 2


def test_a_model_of_another_game_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PrelabelError, match="no class of this game"):
        RuntimePrelabeler(model(tmp_path, ["dragon", "elf"]), CLASSES, 0.25)


class Bright:
    """Finds what is white, and nothing else."""

    name = "bright"
    left_out_classes = ("grey",)

    def find(self, image: Image.Image) -> Sequence[ScoredBox]:
        rows, columns = np.nonzero(np.asarray(image.convert("L")) > 200)
        if not rows.size:
            return ()
        sides = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
        return (ScoredBox(0, 0.5, Box(*(float(side) for side in sides))),)

    def close(self) -> None:
        pass


@pytest.mark.parametrize("place", [(5, 5), (85, 40), (95, 90), (150, 130)])
def test_an_object_on_the_border_of_tiles_is_found_once_and_whole(place: tuple[int, int]) -> None:
    image = Image.new("RGB", (180, 160))
    x, y = place
    image.paste((255, 255, 255), (x, y, x + 8, y + 6))
    tiled = TiledPrelabeler(Bright(), side=100)
    assert tiled.find(image) == (ScoredBox(0, 0.5, Box(x, y, x + 8, y + 6)),)
    assert tiled.left_out_classes == ("grey",)
    assert "tiles of 100 px" in tiled.name


def test_prompts_are_several_sprites_inside_their_box(library: OpenLibrary) -> None:
    prompts = list(prompts_of(library, "boat", 3, 64))
    assert len(prompts) == 3
    assert len(list(prompts_of(library, "boat", 50, 64))) == 5
    assert list(prompts_of(library, "dragon", 3, 64)) == []
    for prompt in prompts:
        x1, y1, x2, y2 = (int(side) for side in prompt.box)
        assert prompt.pixels.shape == (64, 64, 3)
        outside = prompt.pixels.copy()
        outside[y1:y2, x1:x2] = 114
        assert (outside == 114).all()
        assert (prompt.pixels[y1:y2, x1:x2] != 114).any()
        assert max(x2 - x1, y2 - y1) == round(0.3 * 64)
    again = list(prompts_of(library, "boat", 3, 64))
    assert all((a.pixels == b.pixels).all() for a, b in zip(prompts, again, strict=True))


def test_yoloe_says_what_it_needs(library: OpenLibrary, tmp_path: Path) -> None:
    prompting = Prompting(library, CLASSES)
    with pytest.raises(PrelabelError, match="no YOLOE checkpoint at") as caught:
        YoloePrelabeler(tmp_path / "none.pt", prompting, 0.25)
    assert "github.com/ultralytics/assets" in caught.value.fix


@pytest.mark.slow
def test_yoloe_is_shown_sprites(library: OpenLibrary, tmp_path: Path) -> None:
    """With random weights: what runs is the way from sprites to boxes, not what it finds."""
    import torch
    from ultralytics import YOLOE

    torch.manual_seed(0)
    weights = tmp_path / "yoloe-26n.pt"
    YOLOE("yoloe-26n.yaml").save(weights)
    prompting = Prompting(library, (*CLASSES, "ghost"), sprites_per_class=2)
    prelabeler = YoloePrelabeler(weights, prompting, 1e-6)
    assert prelabeler.left_out_classes == ("ghost",)
    found = prelabeler.find(IMAGE)
    assert found
    assert found == prelabeler.find(IMAGE)
    assert {one.class_id for one in found} <= {0, 1}
    assert all(one.box.is_inside(Box(0, 0, 128, 128), 0.01) for one in found)
    with pytest.raises(PrelabelError, match="clip"):
        YoloePrelabeler(weights, Prompting(library, ("ghost",), by_name=True), 0.25)
    with pytest.raises(PrelabelError, match="No class of this game has a sprite"):
        YoloePrelabeler(weights, Prompting(library, ("ghost",)), 0.25)
    (tmp_path / "broken.pt").write_bytes(b"no checkpoint")
    with pytest.raises(PrelabelError, match="no YOLOE checkpoint"):
        YoloePrelabeler(tmp_path / "broken.pt", prompting, 0.25)


@pytest.mark.slow
def test_the_mean_of_vectors_is_of_length_one_and_between_them() -> None:
    import torch

    vectors = torch.nn.functional.normalize(torch.tensor([[1.0, 0.0], [0.0, 1.0]]), dim=-1)
    mean = mean_embedding(vectors)
    assert mean.tolist() == pytest.approx([0.5**0.5, 0.5**0.5])
    assert mean_embedding(vectors[:1]).tolist() == [1.0, 0.0]
