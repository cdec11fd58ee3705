from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from detector_runtime import (
    ClassListError,
    Detector,
    DetectorSettings,
    ModelLoadError,
    ModelOutputError,
    UnknownOnnxLayoutError,
    open_detector,
)
from detector_runtime.geometry.letterbox import letterbox, resampler, smallest_canvas
from detector_runtime.images import Frame
from detector_runtime.models.onnx import ModelCard, OnnxModel, OnnxOptions, load_onnx
from detector_runtime.models.onnx_layout import class_names_of, decode_example
from detector_runtime.results import ModelSource

ROW = [8, 8, 24, 24, 0.9, 1]


def opened(path: Path, **settings: object) -> Detector:
    return open_detector(path, settings=DetectorSettings(**settings))  # type: ignore[arg-type]


def plain(path: Path) -> OnnxModel:
    return load_onnx(path, ModelCard(ModelSource("onnx", path.name)), OnnxOptions())


@pytest.mark.parametrize(
    "output",
    [
        np.zeros((1, 84, 8400), np.float32),
        np.zeros((1, 300, 7), np.float32),
        np.zeros((300, 5), np.float32)[None, None],
    ],
)
def test_other_layouts_are_refused_with_the_export_that_helps(
    constant_model: Callable[..., Path], output: np.ndarray
) -> None:
    with pytest.raises(UnknownOnnxLayoutError, match="nms=False"):
        opened(constant_model(output))


def test_the_right_shape_from_the_wrong_head_is_refused(
    constant_model: Callable[..., Path],
) -> None:
    with pytest.raises(UnknownOnnxLayoutError, match="end2end"):
        opened(constant_model([ROW], end2end="False"))
    assert len(opened(constant_model([ROW], end2end="True")).detect_fast(grey())) == 1


def grey() -> np.ndarray:
    return np.full((64, 64, 3), 114, np.uint8)


def test_a_layout_that_shows_only_in_the_output_is_refused() -> None:
    with pytest.raises(UnknownOnnxLayoutError, match=r"\(84, 30\).*\n.*nms=False"):
        decode_example(np.zeros((84, 30), np.float32), 3, 0.3)


@pytest.mark.parametrize(
    "shape", [(1, 1, 64, 64), (1, 64, 64), (2, 3, 64, 64)], ids=["grey", "rank", "batch"]
)
def test_other_inputs_are_refused(constant_model: Callable[..., Path], shape: object) -> None:
    with pytest.raises(UnknownOnnxLayoutError, match=r"input|at once"):
        opened(constant_model([ROW], shape=shape))


@pytest.mark.parametrize("keep", [0, 50, 200, -1])
def test_a_truncated_model_is_a_load_error(constant_model: Callable[..., Path], keep: int) -> None:
    path = constant_model([ROW] * 100)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ModelLoadError, match="again"):
        opened(path)


def test_any_other_file_is_a_load_error(tmp_path: Path) -> None:
    path = tmp_path / "page.onnx"
    path.write_text("<html>404</html>" * 40)
    with pytest.raises(ModelLoadError, match="not an ONNX model"):
        opened(path)
    with pytest.raises(ModelLoadError, match="there is no model"):
        opened(tmp_path / "absent.onnx")


def test_class_names_must_be_there_and_agree(constant_model: Callable[..., Path]) -> None:
    nameless = constant_model([ROW], names=None)
    with pytest.raises(ClassListError, match="class_names"):
        opened(nameless)
    given = opened(nameless, class_names=["a", "b"]).detect_fast(grey())
    assert given[0].class_name == "b"
    named = constant_model([ROW])
    with pytest.raises(ClassListError, match="class 1 is 'villager' in the model and 'boar'"):
        opened(named, class_names=["sheep", "boar", "town_center"])
    with pytest.raises(ClassListError, match="3 classes, the list that came with it 1"):
        opened(named, class_names=["sheep"])


@pytest.mark.parametrize("text", ["{0: 'a', 2: 'b'}", "{0: 'a'", "7", "__import__('os')"])
def test_a_class_list_with_gaps_or_code_is_refused(text: str) -> None:
    with pytest.raises(ClassListError):
        class_names_of({"names": text})


def test_class_names_are_read_in_the_order_of_their_ids() -> None:
    assert class_names_of({"names": "{1: 'b', 0: 'a'}"}) == ("a", "b")
    assert class_names_of({"names": "['a', 'b']"}) == ("a", "b")
    assert class_names_of({}) is None


def test_rows_that_no_detector_gives_are_an_error() -> None:
    good = np.array([[0, 0, 1, 1, 0.5, 0]], np.float32)
    assert len(decode_example(good, 1, 0.3)) == 1
    for column, value in ((4, np.nan), (0, np.inf), (5, 3.0), (5, -1.0)):
        bad = good.copy()
        bad[0, column] = value
        with pytest.raises(ModelOutputError):
            decode_example(bad, 1, 0.3)


def test_a_class_beyond_the_list_is_an_error(constant_model: Callable[..., Path]) -> None:
    with pytest.raises(ModelOutputError, match="class 7"):
        opened(constant_model([[0, 0, 9, 9, 0.9, 7]])).detect_fast(grey())


def test_boxes_are_given_in_pixels_of_the_image(constant_model: Callable[..., Path]) -> None:
    detector = opened(constant_model([[0, 16, 64, 48, 0.9, 2]]))
    (entity,) = detector.detect_fast(np.zeros((320, 640, 3), np.uint8))
    assert entity.bbox == pytest.approx((0, 0, 640, 320))
    assert entity.center == pytest.approx((320, 160))
    assert entity.area == pytest.approx(640 * 320)
    assert (entity.id, entity.class_name) == ("town_center_0", "town_center")


def test_the_colour_order_is_the_callers_word(block_model: Callable[..., Path]) -> None:
    detector = opened(block_model())
    red = np.zeros((64, 64, 3), np.uint8)
    red[16:32, 32:48, 0] = 255
    (entity,) = detector.detect_fast(red)
    assert entity.bbox == pytest.approx((32, 16, 48, 32))
    assert len(detector.detect_fast(red, color="bgr")) == 0
    (same,) = detector.detect_fast(red[:, :, ::-1], color="bgr")
    assert same.bbox == entity.bbox


@pytest.mark.slow
def test_the_session_sees_what_training_saw(
    constant_model: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    torch = pytest.importorskip("torch")
    augment = pytest.importorskip("ultralytics.data.augment")
    model = plain(constant_model([ROW], shape=(1, 3, 320, 320)))
    seen = []
    run = model._run
    monkeypatch.setattr(model, "_run", lambda batch: (seen.append(batch.copy()), run(batch))[1])
    rng = np.random.default_rng(3)
    for size in ((700, 1266), (500, 300), (700, 1266)):
        pixels = rng.integers(0, 256, (*size, 3), dtype=np.uint8)
        model.infer([Frame(pixels)], 0.0)
        boxed = augment.LetterBox((320, 320))(image=pixels).transpose(2, 0, 1)
        expected = torch.from_numpy(np.ascontiguousarray(boxed)[None]).float()
        expected /= 255
        np.testing.assert_array_equal(seen[-1], expected.numpy())


def test_a_free_input_is_cut_to_the_image(block_model: Callable[..., Path]) -> None:
    path = block_model(shape=("batch", 3, "height", "width"), imgsz="[64, 64]")
    model = plain(path)
    assert model.facts.input_size == (64, 64)
    assert model.fit((640, 320)).canvas == (64, 32)
    assert plain(block_model(name="fixed.onnx")).fit((640, 320)).canvas == (64, 64)
    image = np.zeros((320, 640, 3), np.uint8)
    image[160:320, 480:640, 0] = 255
    (entity,) = opened(path).detect_fast(image)
    assert entity.bbox == pytest.approx((480, 160, 640, 320))


def test_a_free_input_has_room_for_all_rows(block_model: Callable[..., Path]) -> None:
    path = block_model(shape=("batch", 3, "height", "width"), rows=300, imgsz="[96, 96]")
    width, height = plain(path).fit((960, 96)).canvas
    cells = sum((width // s) * (height // s) for s in (8, 16, 32))
    assert cells >= 300


def test_a_fixed_rectangle_is_used_as_it_is(block_model: Callable[..., Path]) -> None:
    model = plain(block_model(shape=(1, 3, 32, 64)))
    assert model.facts.input_size == (64, 32)
    assert model.fit((640, 320)).canvas == (64, 32)


def test_imgsz_changes_free_inputs_and_is_refused_for_fixed_ones(
    block_model: Callable[..., Path],
) -> None:
    free = block_model(shape=("batch", 3, "height", "width"), imgsz="[64, 64]")
    assert opened(free, imgsz=128).model.facts.input_size == (128, 128)
    fixed = block_model(name="fixed.onnx")
    assert opened(fixed, imgsz=64).model.facts.input_size == (64, 64)
    with pytest.raises(ModelLoadError, match="fixed at 64x64"):
        opened(fixed, imgsz=128)


def test_batches_and_single_runs_agree(block_model: Callable[..., Path]) -> None:
    rng = np.random.default_rng(0)
    frames = [Frame(rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)) for _ in range(5)]
    frames.append(Frame(rng.integers(0, 256, (40, 64, 3), dtype=np.uint8)))
    free = plain(block_model(shape=("batch", 3, "height", "width"), imgsz="[64, 64]"))
    single = plain(block_model(name="single.onnx"))
    for mine, theirs in zip(
        free.infer(frames[:5], 0.3).rows, single.infer(frames[:5], 0.3).rows, strict=True
    ):
        np.testing.assert_allclose(mine, theirs, atol=1e-5)
    assert len(free.infer(frames, 0.0).rows) == 6


def test_the_pad_is_grey_and_stays_so(block_model: Callable[..., Path]) -> None:
    model = plain(block_model())
    bright = Frame(np.full((64, 64, 3), 255, np.uint8))
    wide = Frame(np.full((32, 64, 3), 255, np.uint8))
    for frame in (bright, wide, bright, wide):
        model.infer([frame], 0.0)
    batch = model._canvas(1, letterbox((64, 32), (64, 64)))
    assert np.unique(batch[:, :, :16]).tolist() == [np.float32(114) / np.float32(255)]


def test_tables_are_shared_and_canvases_bounded(block_model: Callable[..., Path]) -> None:
    assert resampler((100, 50), (64, 32)) is resampler((100, 50), (64, 32))
    assert smallest_canvas((100, 50), (64, 64)) == (64, 32)
    model = plain(block_model())
    for width in range(40, 80):
        model.infer([Frame(np.zeros((50, width, 3), np.uint8))], 0.5)
    assert len(model._canvases) <= 4


def test_a_closed_model_says_so(block_model: Callable[..., Path]) -> None:
    with opened(block_model()) as detector:
        detector.warmup()
    with pytest.raises(ModelLoadError, match="closed"):
        detector.detect_fast(grey())
