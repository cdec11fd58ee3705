"""Against ultralytics itself, on one ONNX file: the same boxes, classes and scores.

On the model that a demo run left behind, if there is one, and on a small one that is trained here.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from detector_runtime import DetectorSettings, open_detector
from detector_runtime.images import Frame, load_frame

pytestmark = pytest.mark.slow

STATE = Path(os.environ.get("OUTPOST_HOME", Path(__file__).parents[2] / ".outpost"))
DEMO = STATE / "artifacts" / "demo"
LOWEST = 0.001
SIDE = 160
EPOCHS = 12
COLOURS = ((220, 40, 40), (40, 60, 220))


def newest(pattern: str) -> Path | None:
    found = sorted(DEMO.glob(pattern), key=lambda path: path.stat().st_mtime)
    return found[-1] if found else None


MODEL = newest("onnx_export/*/files/model.onnx")


@pytest.mark.skipif(MODEL is None, reason="the demo has not been run here")
def test_rows_of_the_demos_model_are_those_of_ultralytics() -> None:
    assert MODEL is not None
    images = sorted(DEMO.glob("cvat_export@*/*/files/images/*"))[:20]
    assert_the_same_rows(MODEL, [load_frame(path).pixels for path in images])


@pytest.mark.timeout(1200)
def test_rows_of_a_model_trained_here_are_those_of_ultralytics(tmp_path: Path) -> None:
    model = trained_on_rectangles(tmp_path)
    rng = np.random.default_rng(7)
    images = [rectangles(rng, size)[0] for size in ((160, 160), (320, 256), (500, 280))]
    assert_the_same_rows(model, images)


def assert_the_same_rows(model: Path, images: list[np.ndarray]) -> None:
    ultralytics = pytest.importorskip("ultralytics")
    theirs = ultralytics.YOLO(str(model), task="detect")
    seen = []
    with open_detector(model, settings=DetectorSettings(tracking="none")) as ours:
        size = ours.model.facts.input_size[0]
        for pixels in images:
            height, width = pixels.shape[:2]
            for part in (pixels, np.ascontiguousarray(pixels[: height // 2 + 1, : width - 9])):
                (result,) = theirs.predict(
                    part[:, :, ::-1].copy(), imgsz=size, conf=LOWEST, verbose=False
                )
                expected = ranked(result.boxes.data.cpu().numpy())
                got = ranked(ours.model.infer([Frame(part)], LOWEST).rows[0])
                assert got.shape == expected.shape
                np.testing.assert_allclose(got[:, :4], expected[:, :4], atol=0.01)
                np.testing.assert_allclose(got[:, 4], expected[:, 4], atol=1e-5)
                np.testing.assert_array_equal(got[:, 5], expected[:, 5])
                seen.append(got)
    assert sum(map(len, seen)) > 100
    # A model that reports the same of every image would prove nothing.
    assert not np.array_equal(seen[0][:5], seen[2][:5])


def ranked(rows: np.ndarray) -> np.ndarray:
    return rows[np.lexsort((rows[:, 1], rows[:, 0], rows[:, 5], -rows[:, 4]))]


def trained_on_rectangles(folder: Path) -> Path:
    """A detector of red and blue rectangles, exported to ONNX: about half a minute's training."""
    ultralytics = pytest.importorskip("ultralytics")
    rng = np.random.default_rng(0)
    for split, count in (("train", 48), ("val", 4)):
        for kind in ("images", "labels"):
            (folder / kind / split).mkdir(parents=True)
        for index in range(count):
            pixels, label = rectangles(rng, (SIDE, SIDE))
            Image.fromarray(pixels).save(folder / "images" / split / f"{index}.png")
            (folder / "labels" / split / f"{index}.txt").write_text(label)
    (folder / "data.yaml").write_text(
        f"path: {folder.as_posix()}\ntrain: images/train\nval: images/val\n"
        "names: {0: red, 1: blue}\n"
    )
    options: dict[str, Any] = {
        "imgsz": SIDE,
        "epochs": EPOCHS,
        "batch": 8,
        "workers": 0,
        "device": "cpu",
        "optimizer": "AdamW",
        "lr0": 0.002,
        "mosaic": 0,
        "plots": False,
        "val": False,
        "nms": False,
        "seed": 0,
        "project": str(folder / "runs"),
        "verbose": False,
    }
    network = ultralytics.YOLO("yolo26n.yaml", task="detect")
    network.train(data=str(folder / "data.yaml"), **options)
    made = ultralytics.YOLO(network.trainer.last).export(format="onnx", nms=False, imgsz=SIDE)
    return Path(made)


def rectangles(rng: np.random.Generator, size: tuple[int, int]) -> tuple[np.ndarray, str]:
    """An image of six rectangles on noise, and its label."""
    width, height = size
    pixels = rng.integers(100, 150, (height, width, 3), dtype=np.uint8)
    lines = []
    for _ in range(6):
        w, h = rng.integers(16, 40, 2).tolist()
        x, y = int(rng.integers(0, width - w)), int(rng.integers(0, height - h))
        class_id = int(rng.integers(0, 2))
        pixels[y : y + h, x : x + w] = COLOURS[class_id]
        box = ((x + w / 2) / width, (y + h / 2) / height, w / width, h / height)
        lines.append(" ".join(map(str, (class_id, *box))))
    return pixels, "\n".join(lines)
