"""A model in each of the runtime's modes, on the same frames."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from detector_runtime.access import open_model
from detector_runtime.geometry.tiling import LARGEST_LOOK
from detector_runtime.models.base import Model
from detector_runtime.models.training_scale import TrainingScale
from doubles.models import NOTHING, export_metadata, write_detector
from PIL import Image

from detector_runtime import DetectorSettings
from pipeline.evaluation.comparison import modes
from pipeline.evaluation.comparison.modes import ModeScore, compare_modes
from pipeline.evaluation.frames import TrueFrame
from pipeline.evaluation.metrics.intervals import STORED_DIGITS
from pipeline.evaluation.metrics.scores import EvaluationError, Judgement
from pipeline.labels.boxes import Box, LabelledBox

NAMES = ("house", "boat")
JUDGEMENT = Judgement(NAMES, (0.5, 0.35))
INPUT, SIDE = 64, 128


def write_model(
    file: Path,
    *,
    free: bool = False,
    scores: tuple[float, ...] = (0.9,),
    scale: float | None = None,
) -> Path:
    """A model that sees houses at one place of whatever it is shown, in its own pixels."""
    rows = NOTHING.copy()
    for index, score in enumerate(scores):
        rows[index] = (20.0 + 4 * index, 20.0, 40.0 + 4 * index, 40.0, score, 0.0)
    told = export_metadata(NAMES, (INPUT, INPUT))
    if scale is not None:
        told |= TrainingScale("tile", scale, (INPUT, INPUT)).to_metadata()
    size = ("height", "width") if free else (INPUT, INPUT)
    return write_detector(file, told, rows, size)


def frames(
    folder: Path, sessions: int = 3, size: tuple[int, int] = (SIDE, SIDE)
) -> list[TrueFrame]:
    """Screenshots larger than the input, with a house where the whole shows one."""
    made = []
    for number in range(2 * sessions):
        file = folder / f"{number}.png"
        Image.new("RGB", size, (90, 90, 90)).save(file)
        pixel = max(size) / INPUT
        truth = LabelledBox(0, Box(20 * pixel, 20 * pixel, 40 * pixel, 40 * pixel))
        made.append(TrueFrame(file.name, file, (truth,), f"day {number % sessions}"))
    return made


def by_name(modes: tuple[ModeScore, ...]) -> dict[str, ModeScore]:
    return {one.name: one for one in modes}


def test_each_mode_is_judged_beside_the_one_that_ships(tmp_path: Path) -> None:
    modes = compare_modes(write_model(tmp_path / "m.onnx"), frames(tmp_path), JUDGEMENT)
    assert [one.name for one in modes] == [
        *("detect_fast", "detect_fast_multi", "detect", "detect_adaptive")
    ]
    shipped, others = modes[0], modes[1:]
    assert (shipped.f1, shipped.ap50, shipped.times, shipped.beside_shipped) == (1, 1, 1, None)
    assert all(one.ms > 0 and one.times > 0 for one in modes)
    for one in others:
        # Every look at a part shows this model one more house, which is none.
        assert one.beside_shipped is not None
        assert one.beside_shipped.verdict == "worse"
        assert one.beside_shipped.sessions == 3
        assert one.f1 == one.beside_shipped.of_record.new < 1


def test_a_free_input_is_tried_at_other_sizes(tmp_path: Path) -> None:
    model = write_model(tmp_path / "m.onnx", free=True)
    modes = by_name(compare_modes(model, frames(tmp_path, 2), JUDGEMENT))
    sizes = [one.imgsz for one in modes.values() if one.imgsz is not None]
    assert sizes == [32, 96, 128]
    # The house of this model is at one place of its input, so it is elsewhere in the frame.
    assert modes["detect_fast, imgsz=128"].f1 == 0


def test_weights_are_tried_at_other_sizes_though_theirs_does_not_grow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PyTorch takes any size; here an export with a fixed one answers in its place."""
    export = write_model(tmp_path / "m.onnx")

    def as_weights(_file: Path, settings: DetectorSettings) -> Model:
        return open_model(export, replace(settings, imgsz=None))

    assert not as_weights(export, DetectorSettings()).facts.has_free_size
    monkeypatch.setattr(modes, "open_model", as_weights)
    compared = compare_modes(tmp_path / "best.pt", frames(tmp_path, 2), JUDGEMENT)
    assert [one.imgsz for one in compared if one.imgsz] == [32, 96, 128]


def test_a_model_that_keeps_its_scale_has_one_way_for_every_call(tmp_path: Path) -> None:
    fixed = write_model(tmp_path / "fixed.onnx", scale=0.5)
    assert [one.name for one in compare_modes(fixed, frames(tmp_path), JUDGEMENT)] == [
        "detect_fast"
    ]
    free = write_model(tmp_path / "free.onnx", scale=1.0, free=True)
    sizes = [one.imgsz for one in compare_modes(free, frames(tmp_path), JUDGEMENT)]
    # At its scale a frame takes an input of its own size.
    assert sizes == [None, SIDE // 2, SIDE * 3 // 4, SIDE * 3 // 2, SIDE * 2]


def test_only_what_counts_is_found_and_decides_where_adaptive_tiles_look(tmp_path: Path) -> None:
    weak = write_model(tmp_path / "m.onnx", scores=(0.4,))
    modes = by_name(compare_modes(weak, frames(tmp_path), JUDGEMENT))
    assert {one.f1 for one in modes.values()} == {0}
    assert {one.ap50 for one in modes.values()} == {0}
    boats = Judgement(NAMES, (0.35, 0.9))
    assert compare_modes(weak, frames(tmp_path), boats)[0].f1 == 1


def test_no_look_is_larger_than_the_runtime_takes(tmp_path: Path) -> None:
    model = write_model(tmp_path / "m.onnx", free=True)
    wide = frames(tmp_path, 1, (LARGEST_LOOK + 64, 8))
    assert [one.imgsz for one in compare_modes(model, wide, JUDGEMENT) if one.imgsz] == [
        32,
        96,
        128,
    ]


def test_frames_of_a_session_follow_one_another_and_those_of_others_are_forgotten(
    tmp_path: Path,
) -> None:
    rows, by_mean = NOTHING.copy(), np.zeros_like(NOTHING)
    rows[0, :4], by_mean[0, 4] = (20, 20, 40, 40), 0.9
    size, told = (INPUT, INPUT), export_metadata(NAMES, (INPUT, INPUT))
    bright = write_detector(tmp_path / "bright.onnx", told, rows, size, by_mean)
    # The house of each day moves to where nothing was before: only a look at all tiles finds it.
    mixed = [
        lit_frame(tmp_path / f"{corner}_{day}.png", corner, day)
        for corner in (0, 5 * INPUT)
        for day in ("one", "two")
    ]
    modes = by_name(compare_modes(bright, mixed, JUDGEMENT))
    assert modes["detect"].f1 == 1
    assert modes["detect_adaptive"].f1 == round(2 * 2 / (2 * 2 + 2), STORED_DIGITS)
    # With one frame in each session every call of adaptive tiles is the first, which looks at all.
    alone = [TrueFrame(one.name, one.image, one.truths, one.name) for one in mixed]
    assert by_name(compare_modes(bright, alone, JUDGEMENT))["detect_adaptive"].f1 == 1


def lit_frame(file: Path, corner: int, session: str) -> TrueFrame:
    """A dark screenshot of six inputs by six, with a house in the one that is lit."""
    pixels = np.zeros((6 * INPUT, 6 * INPUT, 3), np.uint8)
    pixels[corner : corner + INPUT, corner : corner + INPUT] = 255
    Image.fromarray(pixels).save(file)
    house = Box(corner + 20, corner + 20, corner + 40, corner + 40)
    return TrueFrame(file.name, file, (LabelledBox(0, house),), session)


def test_what_cannot_be_compared_is_told(tmp_path: Path) -> None:
    model = write_model(tmp_path / "m.onnx")
    with pytest.raises(EvaluationError, match="no frame"):
        compare_modes(model, [], JUDGEMENT)
    with pytest.raises(EvaluationError, match="labelled with the classes cat, dog"):
        compare_modes(model, frames(tmp_path), Judgement(("cat", "dog"), (0.5, 0.5)))
