"""Real forks of a process that has looked. A child that hangs is killed and fails the test."""

from __future__ import annotations

import gc
import http.client
import json
import multiprocessing
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from detector_runtime import (
    ConfigurationError,
    Detector,
    DetectorSettings,
    access,
    get_detector,
    open_detector,
)
from detector_runtime.geometry.letterbox import Resampler
from detector_runtime.images import Frame
from detector_runtime.models.base import Inference
from detector_runtime.models.mock import MockModel
from detector_runtime.tools.server import DetectionServer, ServerLimits

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows knows no forks")

SECONDS = 60.0
"""Within which a child answers, on a busy machine too. One that hangs never does."""


@contextmanager
def forked(work: Callable[[], Any]) -> Iterator[Callable[[], Any]]:
    """A forked process that does `work`; what is yielded waits for its result."""
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    child = context.Process(target=lambda: sender.send(work()), daemon=True)
    child.start()
    # So that a child that dies ends the wait.
    sender.close()

    def result() -> Any:
        assert receiver.poll(SECONDS), f"no answer after {SECONDS} s"
        return receiver.recv()

    try:
        yield result
    finally:
        child.kill()
        child.join()


def in_child(work: Callable[[], Any]) -> Any:
    with forked(work) as result:
        return result()


def scene() -> np.ndarray:
    pixels = np.full((64, 64, 3), 114, np.uint8)
    pixels[16:32, 32:48] = (250, 0, 0)
    return pixels


def seen(detector: Detector) -> list[tuple[str, list[float]]]:
    return [(found.class_name, list(found.bbox)) for found in detector.detect_fast(scene())]


def test_a_resampler_that_was_used_works_in_a_child() -> None:
    resampler = Resampler((640, 360), (320, 180))
    pixels = np.random.default_rng(0).integers(0, 256, (360, 640, 3), dtype=np.uint8)

    def resampled() -> np.ndarray:
        planes = np.empty((3, 180, 320), np.float32)
        resampler(pixels, planes)
        return planes

    assert np.array_equal(in_child(resampled), resampled())


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("looked_before", [True, False])
def test_an_onnx_detector_from_before_the_fork_works_in_a_child(
    block_model: Callable[..., Path], threads: int, looked_before: bool
) -> None:
    settings = DetectorSettings(threads=threads, tracking="none")
    with open_detector(block_model(), settings=settings) as detector:
        if looked_before:
            assert seen(detector) == [("sheep", [32, 16, 48, 32])]
        assert in_child(lambda: [seen(detector), seen(detector)]) == [seen(detector)] * 2


def test_a_child_may_close_and_free_what_it_inherited(block_model: Callable[..., Path]) -> None:
    detectors = [open_detector(block_model(), settings=DetectorSettings(threads=2))]
    seen(detectors[0])
    # onnxruntime's thread waits busily first; only one that sleeps is waited for when it is freed.
    time.sleep(0.3)

    def free() -> str:
        detectors.pop().close()
        gc.collect()
        return "freed"

    assert in_child(free) == "freed"
    detectors[0].close()


def test_a_child_that_ends_as_any_program_does(block_model: Callable[..., Path]) -> None:
    program = f"""
import os, sys
import numpy as np
from detector_runtime import DetectorSettings, open_detector
detector = open_detector({str(block_model())!r}, settings=DetectorSettings(threads=2))
detector.detect_fast(np.zeros((64, 64, 3), np.uint8))
child = os.fork()
detector.detect_fast(np.zeros((64, 64, 3), np.uint8))
if child:
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=SECONDS + 10)


def test_a_child_knows_what_was_imported_before_the_fork() -> None:
    """Also before a back end is loaded, which asks whether PyTorch may have computed."""
    program = """
import fractions, os, sys
import detector_runtime
from detector_runtime.system.forks import modules_at_fork
assert not modules_at_fork()
child = os.fork()
if child:
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
import colorsys
assert "fractions" in modules_at_fork()
assert "colorsys" not in modules_at_fork()
assert "detector_runtime.models.torch" not in modules_at_fork()
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=SECONDS)


class SlowModel(MockModel):
    """The mock, whose look in one thread lasts until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.busy, self.go_on = threading.Event(), threading.Event()
        self.waits = False

    def infer(self, frames: Sequence[Frame], floor: float) -> Inference:
        if self.waits:
            self.waits = False
            self.busy.set()
            assert self.go_on.wait(SECONDS)
        return super().infer(frames, floor)


def test_a_fork_in_the_middle_of_a_look_of_another_thread_begins_the_tracks_anew() -> None:
    model = SlowModel()
    detector = Detector(model)
    before = detector.detect_fast(scene()).ids
    model.waits = True
    looking = threading.Thread(target=detector.detect_fast, args=(scene(),))
    looking.start()
    assert model.busy.wait(SECONDS)
    in_the_child = in_child(lambda: (detector.last, detector.detect_fast(scene()).ids))
    model.go_on.set()
    looking.join()
    assert in_the_child[0] is None
    assert not set(in_the_child[1]) & set(before)
    assert detector.detect_fast(scene()).ids == before


def test_a_fork_between_looks_keeps_the_tracks() -> None:
    detector = open_detector(use_mock=True)
    before = detector.detect_fast(scene()).ids
    assert in_child(lambda: detector.detect_fast(scene()).ids) == before


def test_the_shared_detector_can_be_had_though_a_thread_was_opening_one() -> None:
    held, go_on = threading.Event(), threading.Event()

    def hold() -> None:
        with access._lock:
            held.set()
            assert go_on.wait(SECONDS)

    opening = threading.Thread(target=hold)
    opening.start()
    assert held.wait(SECONDS)
    assert in_child(lambda: get_detector(use_mock=True).source.kind) == "mock"
    go_on.set()
    opening.join()


def test_a_server_made_before_the_fork_answers_from_the_child() -> None:
    limits = ServerLimits(at_once=1)
    with DetectionServer(open_detector(use_mock=True), "127.0.0.1", 0, limits) as server:
        # As if a thread of this process were at its answer.
        assert server.slots.acquire(blocking=False)
        with server.budget._lock, forked(lambda: server.serve_forever(0.01)):
            # In this process nobody answers.
            connection = http.client.HTTPConnection(
                "127.0.0.1", server.server_port, timeout=SECONDS
            )
            connection.request("POST", "/detect", png(), {"Content-Type": "image/png"})
            answer = connection.getresponse()
            found = json.loads(answer.read())
            connection.close()
    assert answer.status == 200, found
    assert found["entities"]


def test_a_child_does_not_wait_for_the_server_of_its_parent() -> None:
    with DetectionServer(open_detector(use_mock=True), "127.0.0.1", 0) as server:
        serving = threading.Thread(target=server.serve_forever, args=(0.01,))
        serving.start()

        def leave() -> str:
            server.shutdown()
            server.server_close()
            return "left"

        assert in_child(leave) == "left"
        server.shutdown()
        serving.join()


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """A YOLO26n with random weights; to make it, PyTorch computes in this process."""
    ultralytics = pytest.importorskip("ultralytics")
    path = tmp_path / "model.pt"
    ultralytics.YOLO("yolo26n.yaml", task="detect", verbose=False).save(path)
    return path


def rows_of(detector: Detector) -> list[list[float]]:
    return [list(found.bbox) for found in detector.detect_fast(scene())]


@pytest.mark.slow
def test_pytorch_computes_the_same_in_a_child_whoever_computed_before(checkpoint: Path) -> None:
    import torch

    settings = DetectorSettings(imgsz=96, tracking="none")
    detector = open_detector(checkpoint, settings=settings)
    torch.rand(512, 512) @ torch.rand(512, 512)
    torch.ones(1 << 20).sum()  # Now OpenMP has its threads.
    in_parent = rows_of(detector)
    threads = torch.get_num_threads()

    assert in_child(lambda: rows_of(detector)) == pytest.approx(in_parent, abs=0.01)
    opened_there = in_child(lambda: rows_of(open_detector(checkpoint, settings=settings)))
    assert opened_there == pytest.approx(in_parent, abs=0.01)
    assert torch.get_num_threads() == threads, "in the parent nothing changes"


@pytest.mark.slow
def test_a_child_of_a_process_that_uses_a_gpu_is_told_what_to_do(
    checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    detector = open_detector(checkpoint, settings=DetectorSettings(imgsz=96))
    for name in ("is_available", "_is_in_bad_fork"):
        monkeypatch.setattr(torch.cuda, name, lambda: True)

    def look() -> str:
        with pytest.raises(ConfigurationError, match="uses a GPU") as caught:
            detector.detect_fast(scene())
        return str(caught.value)

    assert "spawn" in in_child(look)


def png() -> bytes:
    import io

    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(scene()).save(buffer, "PNG")
    return buffer.getvalue()
