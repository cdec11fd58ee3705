from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from detector_runtime import (
    ClassListError,
    DetectorSettings,
    MissingDependencyError,
    ModelLoadError,
    open_detector,
)
from detector_runtime.images import Frame


def test_without_ultralytics_the_error_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "model.pt").write_bytes(b"x")
    monkeypatch.setitem(sys.modules, "ultralytics", None)
    with pytest.raises(MissingDependencyError, match=r"detector-runtime\[torch\]"):
        open_detector("model.pt")


@pytest.mark.slow
def test_a_checkpoint_runs_with_its_nms_free_head(tmp_path: Path) -> None:
    ultralytics = pytest.importorskip("ultralytics")
    network = ultralytics.YOLO("yolo26n.yaml", task="detect", verbose=False)
    network.save(tmp_path / "model.pt")
    names = tuple(network.names.values())
    with open_detector(tmp_path / "model.pt", settings=DetectorSettings(imgsz=96)) as detector:
        assert detector.source.kind == "pt"
        assert detector.class_names == names
        inference = detector.model.infer([_frame()], 0.0)
        (rows,) = inference.rows
        assert rows.shape[1] == 6
        assert len(rows) == 189  # one per anchor of the NMS-free head: 144 + 36 + 9
        assert inference.scales == [0.5]
        detector.detect_fast(_frame().pixels)
    with pytest.raises(ClassListError):
        open_detector(tmp_path / "model.pt", settings=DetectorSettings(class_names=["a"]))
    (tmp_path / "bad.pt").write_bytes(b"not a checkpoint")
    with pytest.raises(ModelLoadError, match=r"bad\.pt"):
        open_detector(tmp_path / "bad.pt")


def _frame() -> Frame:
    return Frame(np.random.default_rng(0).integers(0, 256, (192, 192, 3), dtype=np.uint8))


@pytest.mark.slow
@pytest.mark.parametrize("threads", [None, "3"])
def test_opening_a_checkpoint_leaves_the_process_as_it_was(
    tmp_path: Path, threads: str | None
) -> None:
    pytest.importorskip("ultralytics")
    broken = tmp_path / "best.pt"
    broken.write_bytes(b"no checkpoint")
    code = (
        "import os, sys, PIL.Image\n"
        "opens = PIL.Image.open\n"
        "from detector_runtime import ModelLoadError, open_detector\n"
        "try:\n"
        "    open_detector(sys.argv[1])\n"
        "except ModelLoadError:\n"
        "    print('ultralytics' in sys.modules, PIL.Image.open is opens)\n"
        "    print(os.environ.get('OMP_NUM_THREADS'))\n"
    )
    environment = {key: value for key, value in os.environ.items() if key != "OMP_NUM_THREADS"}
    environment |= {"OMP_NUM_THREADS": threads} if threads else {}
    command = [sys.executable, "-c", code, str(broken)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "True", str(threads)]
