"""Against ultralytics itself, on the model that the demo trained: needs that it has been run."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from detector_runtime import DetectorSettings, open_detector
from detector_runtime.images import Frame, load_frame

STATE = Path(os.environ.get("OUTPOST_STATE", Path(__file__).parents[2] / ".outpost"))
ARTIFACTS = STATE / "artifacts" / "demo"
LOWEST = 0.001


def newest(pattern: str) -> Path | None:
    found = sorted(ARTIFACTS.glob(pattern), key=lambda path: path.stat().st_mtime)
    return found[-1] if found else None


MODEL = newest("onnx_export/*/files/model.onnx")


def ranked(rows: np.ndarray) -> np.ndarray:
    return rows[np.lexsort((rows[:, 1], rows[:, 0], rows[:, 5], -rows[:, 4]))]


@pytest.mark.slow
@pytest.mark.skipif(MODEL is None, reason="the demo has not been run here")
def test_rows_are_those_of_ultralytics() -> None:
    ultralytics = pytest.importorskip("ultralytics")
    pictures = sorted(ARTIFACTS.glob("cvat_export@*/*/files/images/*"))[:20]
    assert pictures
    theirs = ultralytics.YOLO(str(MODEL), task="detect")
    with open_detector(MODEL, settings=DetectorSettings(tracking="none")) as ours:
        size = ours.model.facts.input_size[0]
        compared = 0
        for path in pictures:
            pixels = load_frame(path).pixels
            for part in (pixels, np.ascontiguousarray(pixels[:150, :311])):
                (result,) = theirs.predict(
                    part[:, :, ::-1].copy(), imgsz=size, conf=LOWEST, verbose=False
                )
                expected = ranked(result.boxes.data.cpu().numpy())
                got = ranked(ours.model.infer([Frame(part)], LOWEST).rows[0])
                compared += len(expected)
                assert got.shape == expected.shape
                np.testing.assert_allclose(got[:, :4], expected[:, :4], atol=0.01)
                np.testing.assert_allclose(got[:, 4], expected[:, 4], atol=1e-5)
                np.testing.assert_array_equal(got[:, 5], expected[:, 5])
    assert compared > 0
