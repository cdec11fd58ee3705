"""Fitting sizes: the zoom and the factors that were put in come out again."""

import numpy as np
import pytest

from pipeline.games.sections.scenes import SceneRules
from pipeline.labels.batches import Frame
from pipeline.labels.boxes import Box, LabelledBox
from pipeline.scenes.dataset.synthetic_set import SyntheticSet
from pipeline.scenes.reports.box_sizes import SeenBox, real_boxes, synthetic_boxes
from pipeline.scenes.reports.scale_fit import FitError, fit_scale

NAMES = ("keep", "house", "tree", "sheep")
SIDES = {"keep": 120.0, "house": 60.0, "tree": 40.0, "sheep": 16.0}
RULES = SceneRules.model_validate(
    {"zoom": (0.9, 1.1), "placements": [{"class_name": name} for name in NAMES]}
)


def images(seed, count=60, zoom=(1.0, 1.0), sizes=None, told=False, **changes):
    """Boxes of images of one zoom each; `told` says whether the zoom stands beside them."""
    rng = np.random.default_rng(seed)
    for number in range(count):
        scale = float(rng.uniform(*zoom))
        for name, usual in SIDES.items():
            for _ in range(3):
                side = usual * scale * (sizes or {}).get(name, 1.0) * float(rng.uniform(0.85, 1.15))
                box = Box(10, 10, 10 + side, 10 + side)
                known = scale if told else 1.0
                yield SeenBox(name, f"p{number}", box, (0.5, 0.5), False, known, **changes)


def fitted(real, rules=RULES):
    return fit_scale(images(1, zoom=(0.9, 1.1), told=True), real, rules, NAMES)


@pytest.mark.parametrize("zoom", [0.4, 1.0, 1.7])
def test_the_zoom_of_real_frames_comes_out(zoom):
    fit = fitted(images(2, zoom=(zoom, zoom)))
    assert fit.middle == pytest.approx(zoom, rel=0.04)
    assert fit.zoom == pytest.approx((zoom, zoom), rel=0.08)
    assert not any(known.changes for known in fit.classes)


def test_the_range_of_zooms_comes_out():
    fit = fitted(images(2, count=200, zoom=(0.4, 0.8)))
    low, high = fit.zoom
    assert 0.38 < low < 0.47
    assert 0.7 < high < 0.9


def test_a_class_of_another_size_gets_a_factor_of_its_own():
    fit = fitted(images(2, zoom=(0.5, 0.5), sizes={"sheep": 0.6}))
    assert fit.middle == pytest.approx(0.5, rel=0.04)
    proposed = {known.name: known.proposed for known in fit.classes}
    assert proposed.pop("sheep") == pytest.approx(0.6, abs=0.03)
    assert set(proposed.values()) == {1.0}
    sheep = fit.classes[3]
    low, high = sheep.interval
    assert low < sheep.ratio < high
    assert (sheep.real, sheep.synthetic) == (180, 180)


def test_a_factor_that_the_pack_already_has_is_kept_or_replaced():
    placements = [{"class_name": name, "size": 2.0 if name == "sheep" else 1.0} for name in NAMES]
    rules = RULES.model_validate(RULES.model_dump() | {"placements": placements})
    assert not fitted(images(2, sizes={"sheep": 2.0}), rules).classes[3].changes
    sheep = fitted(images(2, sizes={"sheep": 0.5}), rules).classes[3]
    assert (sheep.size, sheep.proposed) == (2.0, pytest.approx(0.5, abs=0.03))


def test_a_few_wrong_boxes_change_little():
    wrong = [SeenBox("keep", "p0", Box(0, 0, 900, 700), (0.5, 0.5), False) for _ in range(30)]
    fit = fitted([*images(2, zoom=(0.5, 0.5)), *wrong])
    assert fit.middle == pytest.approx(0.5, rel=0.05)


def test_boxes_that_the_edge_cuts_do_not_count():
    half = [
        SeenBox(box.class_name, box.image, Box(0, 10, box.side / 2, 10 + box.side), (0, 0), True)
        for box in images(3, count=300)
    ]
    fit = fitted([*images(2), *half])
    assert fit.middle == pytest.approx(1.0, rel=0.04)
    assert fit.classes[0].real == 180


def test_a_class_with_too_few_boxes_keeps_its_size():
    few = [box for box in images(2) if box.class_name != "sheep" or box.image in ("p0", "p1")]
    sheep = fitted(few).classes[3]
    assert (sheep.real, sheep.ratio, sheep.interval) == (6, None, None)
    assert sheep.real_side is not None
    assert not sheep.changes


def test_what_to_write_is_shown():
    fit = fitted(images(2, zoom=(0.5, 0.5), sizes={"sheep": 0.6}))
    lines = fit.lines()
    assert lines[0].startswith("zoom: [0.")
    assert lines[1] == "placements:"
    assert "class_name: sheep, size: 0." in lines[2]
    assert SceneRules.model_fields.keys() >= {"zoom", "placements"}
    assert fitted(images(2)).lines()[1:] == ()


def test_the_same_boxes_give_the_same_answer():
    assert fitted(images(2)) == fitted(images(2))


def test_without_real_boxes_the_reason_is_named():
    with pytest.raises(FitError, match="no real box") as refused:
        fitted([])
    assert "cvat_export" in refused.value.fix
    with pytest.raises(FitError, match="no labels"):
        fit_scale([], images(1), RULES, NAMES)
    with pytest.raises(FitError, match="No class has 10 real"):
        fitted(list(images(2))[:5])


def test_real_boxes_are_scaled_as_a_detector_sees_them():
    boxes = (LabelledBox(1, Box(100, 100, 300, 200)), LabelledBox(0, Box(0, 40, 90, 60)))
    frame = Frame("a_1.png", "images/a_1.png", 2560, 1440, "", "", boxes)
    first, second = real_boxes([frame], NAMES, (1280, 720))
    assert (first.class_name, first.cut, first.box) == ("house", False, Box(50, 50, 150, 100))
    assert first.middle == pytest.approx((200 / 2560, 150 / 1440))
    whole, _ = real_boxes([frame], NAMES, (320, 320), frame_scale=1.0)
    assert whole.box == Box(100, 100, 300, 200)
    assert (second.class_name, second.cut) == ("keep", True)


def test_drawn_boxes_are_the_visible_ones_of_what_is_labelled(written):
    scenes = tuple(SyntheticSet.open(written).scenes())
    boxes = tuple(synthetic_boxes(scenes))
    labels = sum(len(scene.labels.read_text().splitlines()) for scene in scenes)
    assert len(boxes) == labels > 100
    scales = {item.scale for scene in scenes for item in scene.objects}
    assert {box.scale for box in boxes} <= scales
    assert all(0.6 <= box.scale <= 1.4 for box in boxes)
    for box in boxes:
        assert box.cut or (box.box.x1 >= 1 and box.box.x2 <= 319)
