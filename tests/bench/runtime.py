"""How fast `detector_runtime` is, beside onnxruntime alone and what people use instead of it.

Everything is measured in one run, turn by turn, on frames of 3024x1672 pixels and with YOLO26n as
ultralytics exports it. Its weights are random, but normalised to the frames, so that what it
reports depends on what it sees; for tiles the threshold is set so that it reports about 40 things
in one. sahi, roboflow's trackers and OpenVINO are measured where they are installed:
`uv sync --group peers`.
Others may use the machine too. So the ways take turns, a ratio is the median of the ratios of all
rounds, and a time is the shortest seen. It ends within three minutes, on two cores with other
programs on them too: then there are fewer rounds, and it says on stderr what it left out.

Run with `outpost bench runtime`, or `python tests/bench/runtime.py`.
"""

import importlib
import importlib.util
import itertools
import json
import logging
import os
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from detector_runtime.geometry.suppression import suppress_same_class
from detector_runtime.images import Frame
from detector_runtime.models.base import default_threads
from detector_runtime.models.onnx import OnnxModel
from numpy.typing import NDArray

from detector_runtime import (
    Detections,
    Detector,
    DetectorSettings,
    EntityTracker,
    ModelSource,
    open_detector,
)

SCREEN = (3024, 1672)
SECONDS = 165.0
"""For everything, the export of the models included."""
LAST_SECONDS = 35.0
"""Of these, for what starts other processes: memory, and times to import."""
ROUNDS = 25
SLOW_ROUNDS = 5
LEAST_ROUNDS = 2
PAUSE = 0.02
COMPARED_ROWS = 100
TRACKED = 500
BOXES = 3000
Pixels = NDArray[np.uint8]
Rows = NDArray[np.float32]
Timer = Callable[[], float]


def measure() -> dict[str, float]:
    """Figures by name; times are in milliseconds, ratios are of times of one run."""
    clock = Clock(SECONDS)
    figures: dict[str, float] = {}
    with tempfile.TemporaryDirectory(prefix="outpost-bench-") as folder, quiet():
        models = export_models(Path(folder))
        free = max(clock.left() - LAST_SECONDS, 0.0)
        parts: dict[str, Callable[[], dict[str, float]]] = {
            "looks": lambda: looks(models, 0.45 * free),
            "tiles": lambda: tiled(models, 0.3 * free),
            "OpenVINO": lambda: openvino(models, 0.2 * free),
            "tracking": lambda: tracking(0.025 * free),
            "suppression": lambda: suppression(0.025 * free),
            "import_ms": package,
            "peak_mb": lambda: memory(models["static"]),
        }
        for name, part in parts.items():
            figures |= part() if clock.left() > LAST_SECONDS / 3 else left_out(name)
    return figures


def export_models(folder: Path) -> dict[str, Path]:
    """YOLO26n as a checkpoint, as static 640x640, as static 640x384 and with free sizes."""
    from ultralytics import YOLO

    checkpoint = folder / "network.pt"
    save_network(checkpoint)
    kinds: dict[str, dict[str, Any]] = {
        "static": {"imgsz": 640},
        "rectangle": {"imgsz": (384, 640)},
        "dynamic": {"imgsz": 640, "dynamic": True},
    }
    paths = {"checkpoint": checkpoint}
    for kind, options in kinds.items():
        made = Path(YOLO(checkpoint).export(format="onnx", nms=False, **options))
        paths[kind] = made.rename(folder / f"{kind}.onnx")
    return paths


def save_network(path: Path) -> None:
    """Random weights whose normalisation layers have seen tiles of a frame.

    Without that, what a random network reports does not depend on the image at all.
    """
    import torch
    from ultralytics import YOLO

    (frame,) = screenshots(1)
    corners = ((0, 0), (900, 300), (1800, 900), (2300, 1000))
    seen = np.stack([frame[y : y + 640, x : x + 640] for x, y in corners])
    batch = torch.from_numpy(seen.transpose(0, 3, 1, 2).astype(np.float32) / 255)
    torch.manual_seed(0)
    network = YOLO("yolo26n.yaml", task="detect")
    for layer in network.model.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.reset_running_stats()
            layer.momentum = None
    network.model.train()
    with torch.no_grad():
        network.model(batch)
    network.model.eval()
    network.save(path)


def looks(models: dict[str, Path], seconds: float) -> dict[str, float]:
    """One look at the whole frame: ours, onnxruntime alone and ultralytics, on the same files."""
    from ultralytics import YOLO

    frames = screenshots(6)
    single = DetectorSettings(tracking="none")
    kinds = ("static", "rectangle", "dynamic")
    ours = {kind: open_detector(models[kind], settings=single) for kind in kinds}
    tracked = open_detector(models["static"])
    theirs = {kind: YOLO(models[kind], task="detect") for kind in ("static", "dynamic")}
    turn = {"index": 0}

    def frame() -> Pixels:
        turn["index"] += 1
        return frames[turn["index"] % len(frames)]

    ways: dict[str, Callable[[], object]] = {
        "session": session_alone(ours["static"], frames[0]),
        "static": lambda: ours["static"].detect_fast(frame()),
        "tracked": lambda: tracked.detect_fast(frame()),
        "rectangle": lambda: ours["rectangle"].detect_fast(frame()),
        "dynamic": lambda: ours["dynamic"].detect_fast(frame()),
        "ultralytics": lambda: theirs["static"].predict(frame(), imgsz=640, verbose=False),
        "ultralytics_dynamic": lambda: theirs["dynamic"].predict(frame(), imgsz=640, verbose=False),
    }
    times = compared("looks", ways, ROUNDS, seconds)
    return {
        "rounds_of_looks": times.count,
        "ratio_to_session_run": times.ratio("static", "session"),
        "ratio_to_ultralytics_static": times.ratio("static", "ultralytics"),
        "ratio_to_ultralytics_rect": times.ratio("rectangle", "ultralytics"),
        "ratio_of_dynamic_to_ultralytics_static": times.ratio("dynamic", "ultralytics"),
        "ratio_of_dynamic_to_ultralytics_dynamic": times.ratio("dynamic", "ultralytics_dynamic"),
        "session_run_ms": times.shortest("session"),
        "detect_fast_ms": times.shortest("static"),
        "detect_fast_tracked_ms": times.shortest("tracked"),
        "detect_fast_rectangle_ms": times.shortest("rectangle"),
        "ultralytics_static_ms": times.shortest("ultralytics"),
    }


def tiled(models: dict[str, Path], seconds: float) -> dict[str, float]:
    """The frame in 18 tiles, ours and sahi's, with the same weights and threshold.

    sahi is measured as its documentation uses it, with the checkpoint and a look at the whole frame
    besides, and with our ONNX file.
    """
    if importlib.util.find_spec("sahi") is None:
        return left_out("sahi", "is not installed")
    from sahi import AutoDetectionModel
    from sahi.predict import get_sliced_prediction

    (frame,) = screenshots(1)
    threshold = busy_threshold(models["static"], frame)
    ours = open_detector(
        models["static"], settings=DetectorSettings(confidence_threshold=threshold)
    )
    theirs = {
        kind: AutoDetectionModel.from_pretrained(
            "ultralytics",
            str(models[kind]),
            confidence_threshold=threshold,
            device="cpu",
            image_size=640,
        )
        for kind in ("checkpoint", "static")
    }
    options = {
        "slice_height": 640,
        "slice_width": 640,
        "overlap_height_ratio": 0.1,
        "overlap_width_ratio": 0.1,
        "verbose": 0,
    }
    ways: dict[str, Callable[[], object]] = {
        "ours": lambda: ours.detect(frame),
        "sahi": lambda: get_sliced_prediction(frame, theirs["checkpoint"], **options),
        "sahi_onnx": lambda: get_sliced_prediction(frame, theirs["static"], **options),
    }
    times = compared("tiles", ways, SLOW_ROUNDS, seconds, tries=1)
    return {
        "rounds_of_tiles": times.count,
        "ratio_to_sahi": times.ratio("ours", "sahi"),
        "ratio_to_sahi_with_our_onnx": times.ratio("ours", "sahi_onnx"),
        "detect_ms": times.shortest("ours"),
        "sahi_ms": times.shortest("sahi"),
    }


def busy_threshold(model: Path, frame: Pixels) -> float:
    """The score above which the model reports about 40 things in the middle one of the tiles."""
    tiles = [
        Frame(frame[y : y + 640, x : x + 640])
        for y in range(0, SCREEN[1] - 640, 500)
        for x in range(0, SCREEN[0] - 640, 700)
    ]
    with open_detector(model) as detector:
        rows = detector.model.infer(tiles, 0.0).rows
    return float(np.median([np.sort(each[:, 4])[-40] for each in rows]))


def openvino(models: dict[str, Path], seconds: float) -> dict[str, float]:
    """OpenVINO beside onnxruntime on inputs that are ready, with the same files and threads.

    Both compute in float32 for the least time of one look. With one thread CPU time is compared,
    which other programs change least. `openvino_box_difference_px` is by how much the best rows of
    one differ from the nearest rows of their class of the other, at most.
    """
    if importlib.util.find_spec("openvino") is None:
        return left_out("OpenVINO", "is not installed")
    (frame,) = screenshots(1)
    kinds = {"static": None, "rectangle": None, "one_thread": 1}
    figures: dict[str, float] = {}
    for kind, threads in kinds.items():
        path = models["static" if kind == "one_thread" else kind]
        theirs, ours = both_sessions(path, frame, threads)
        difference = farthest(ours(), theirs())
        ways: dict[str, Callable[[], object]] = {"ours": ours, "theirs": theirs}
        timer = time.perf_counter if threads is None else time.process_time
        share = seconds / len(kinds)
        times = compared(f"OpenVINO, {kind}", ways, ROUNDS, share, timer=timer)
        figures |= {
            f"openvino_speedup_{kind}": times.ratio("ours", "theirs"),
            f"openvino_{kind}_ms": times.shortest("theirs"),
            f"onnxruntime_{kind}_ms": times.shortest("ours"),
            f"openvino_box_difference_px_{kind}": difference,
        }
    return figures


def both_sessions(
    path: Path, frame: Pixels, threads: int | None
) -> tuple[Callable[[], Rows], Callable[[], Rows]]:
    """A run of OpenVINO and one of onnxruntime on the same input; rows (300, 6) of each."""
    import openvino

    settings = DetectorSettings(tracking="none", threads=threads)
    model = open_detector(path, settings=settings).model
    assert isinstance(model, OnnxModel)
    ready = model._prepare([Frame(frame)], model.fit(SCREEN)).copy()
    options = {
        "INFERENCE_NUM_THREADS": threads or default_threads(),
        "NUM_STREAMS": 1,
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": "f32",
    }
    request = openvino.Core().compile_model(str(path), "CPU", options).create_infer_request()
    inputs = [openvino.Tensor(ready, shared_memory=True)]

    def theirs() -> Rows:
        request.infer(inputs)
        return np.array(request.get_output_tensor(0).data[0])

    return theirs, lambda: np.array(model._session.run(None, {model.input_name: ready})[0][0])


def farthest(rows: Rows, others: Rows) -> float:
    """How far the best rows are from the nearest of the other rows of their class, at most."""
    best = rows[:COMPARED_ROWS]
    apart = np.abs(best[:, None, :4] - others[None, :, :4]).max(axis=2)
    apart[best[:, None, 5] != others[None, :, 5]] = np.inf
    return float(apart.min(axis=1).max())


def tracking(seconds: float) -> dict[str, float]:
    """500 tracked entities of 12 classes; roboflow's ByteTrack on the same boxes."""
    frames = crowd(48)
    names = tuple(f"class_{index}" for index in range(12))
    ours = EntityTracker(names)
    sequence = itertools.cycle(frames)
    ways: dict[str, Callable[[], object]] = {"ours": lambda: ours.update(next(sequence))}
    if importlib.util.find_spec("trackers") is not None:
        ways["bytetrack"] = bytetrack(frames)
    times = compared("tracking", ways, ROUNDS, seconds)
    figures = {"tracker_500_ms": times.shortest("ours")}
    if "bytetrack" in ways:
        figures["tracker_500_speedup_over_bytetrack"] = times.ratio("bytetrack", "ours")
    return figures


def suppression(seconds: float) -> dict[str, float]:
    """Class-aware NMS of 3000 ranked boxes beside the usual loop in numpy."""
    boxes, class_ids = ranked_boxes(BOXES)
    kept = np.flatnonzero(suppress_same_class(boxes, class_ids, 0.5))
    assert kept.tolist() == looped_suppression(boxes, class_ids, 0.5)
    ways: dict[str, Callable[[], object]] = {
        "ours": lambda: suppress_same_class(boxes, class_ids, 0.5),
        "loop": lambda: looped_suppression(boxes, class_ids, 0.5),
    }
    times = compared("suppression", ways, ROUNDS, seconds)
    return {
        "nms_3000_ms": times.shortest("ours"),
        "nms_3000_speedup_over_loop": times.ratio("loop", "ours"),
    }


def memory(model: Path) -> dict[str, float]:
    """Peak memory of a process that loads the model and looks at three frames."""
    shots = "import numpy as np; shot = np.zeros((1672, 3024, 3), np.uint8)"
    ours = (
        f"{shots}\nfrom detector_runtime import open_detector\nd = open_detector({str(model)!r})\n"
        "for _ in range(3): d.detect_fast(shot)"
    )
    theirs = (
        f"{shots}\nfrom ultralytics import YOLO\nd = YOLO({str(model)!r}, task='detect')\n"
        "for _ in range(3): d.predict(shot, imgsz=640, verbose=False)"
    )
    # Not getrusage: what a new process inherits from this one counts there too.
    peak = (
        "\nlines = open('/proc/self/status').read().splitlines()\n"
        "print(next(int(line.split()[1]) for line in lines if line.startswith('VmHWM')) / 1024)"
    )
    if sys.platform != "linux":
        return {}
    return {
        "peak_mb": printed_number(ours + peak),
        "ultralytics_peak_mb": printed_number(theirs + peak),
    }


def package() -> dict[str, float]:
    """Import time beyond numpy's, and the size of the package's files in a zip."""
    timed = (
        "import numpy, time; start = time.perf_counter(); import {0}; "
        "print((time.perf_counter() - start) * 1000)"
    )
    source = Path(str(importlib.util.find_spec("detector_runtime").origin)).parent  # type: ignore[union-attr]
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in source.rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                archive.write(path, path.relative_to(source))
    return {
        "import_ms": min(printed_number(timed.format("detector_runtime")) for _ in range(5)),
        "ultralytics_import_ms": min(printed_number(timed.format("ultralytics")) for _ in range(2)),
        "wheel_kb": len(buffer.getvalue()) / 1000,
    }


def session_alone(detector: Detector, frame: Pixels) -> Callable[[], object]:
    """`session.run` of the detector's own session on an input that is ready."""
    model = detector.model
    assert isinstance(model, OnnxModel)
    ready = model._prepare([Frame(frame)], model.fit(SCREEN)).copy()
    return lambda: model._session.run(None, {model.input_name: ready})


def bytetrack(frames: list[Detections]) -> Callable[[], object]:
    """One update of roboflow's ByteTrack, with the conversion that its user pays for."""
    import supervision
    from trackers import ByteTrackTracker

    tracker = ByteTrackTracker(track_activation_threshold=0.35, high_conf_det_threshold=0.35)
    sequence = itertools.cycle(frames)

    def update() -> object:
        frame = next(sequence)
        return tracker.update(
            supervision.Detections(
                xyxy=frame.boxes, confidence=frame.scores, class_id=frame.class_ids
            )
        )

    return update


def looped_suppression(
    boxes: NDArray[np.float32], class_ids: NDArray[np.intp], limit: float
) -> list[int]:
    """The usual greedy loop: the best box left, its overlap with all others left, and again."""
    apart = boxes + (class_ids[:, None] * (boxes.max() + 1)).astype(np.float32)
    size = (apart[:, 2] - apart[:, 0]) * (apart[:, 3] - apart[:, 1])
    left, kept = np.arange(len(boxes)), []
    while len(left):
        best, left = left[0], left[1:]
        kept.append(int(best))
        low = np.maximum(apart[best, :2], apart[left, :2])
        high = np.minimum(apart[best, 2:], apart[left, 2:])
        shared = np.maximum(high - low, 0).prod(axis=1)
        left = left[shared / (size[best] + size[left] - shared) <= limit]
    return kept


def screenshots(count: int) -> list[Pixels]:
    """Frames of a camera at rest: textured ground with 40 units that walk."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(40, 200, (SCREEN[1] // 8, SCREEN[0] // 8, 3), dtype=np.uint8)
    ground = np.kron(coarse, np.ones((8, 8, 1), np.uint8))
    place = rng.integers(100, (SCREEN[0] - 200, SCREEN[1] - 200), (40, 2))
    frames = []
    for step in range(count):
        frame = ground.copy()
        for x, y in (place + 8 * step).tolist():
            frame[y : y + 60, x : x + 40] = (200, 40, 40)
        frames.append(frame)
    return frames


def crowd(count: int) -> list[Detections]:
    """Frames of 500 units that walk, one in twenty of them missed."""
    rng = np.random.default_rng(0)
    place = rng.uniform((0, 0), SCREEN, (TRACKED, 2))
    velocity = rng.normal(0, 6, (TRACKED, 2))
    half = rng.uniform(15, 35, (TRACKED, 2))
    class_ids = rng.integers(0, 12, TRACKED)
    frames = []
    for step in range(count):
        centre = place + step * velocity
        boxes = np.concatenate([centre - half, centre + half], axis=1)
        boxes += rng.normal(0, 2, boxes.shape)
        seen = np.flatnonzero(rng.random(TRACKED) < 0.95)
        frames.append(
            Detections(
                boxes=boxes[seen].astype(np.float32),
                scores=rng.uniform(0.4, 0.9, len(seen)).astype(np.float32),
                class_ids=class_ids[seen],
                class_names=tuple(f"class_{index}" for index in range(12)),
                ids=("",) * len(seen),
                source=ModelSource("mock", "crowd"),
                image_size=SCREEN,
                tentative=np.zeros(len(seen), np.bool_),
            )
        )
    return frames


def ranked_boxes(count: int) -> tuple[NDArray[np.float32], NDArray[np.intp]]:
    """Boxes of unit size, best first, many of them around the same things."""
    rng = np.random.default_rng(0)
    things = rng.uniform((0, 0), SCREEN, (count // 3, 2))
    centre = things[rng.integers(0, len(things), count)] + rng.normal(0, 6, (count, 2))
    half = rng.uniform(15, 35, (count, 2))
    boxes = np.concatenate([centre - half, centre + half], axis=1).astype(np.float32)
    return boxes, rng.integers(0, 12, count)


@dataclass(frozen=True)
class Times:
    """Milliseconds that each way took in each round."""

    rounds: dict[str, list[float]]

    @property
    def count(self) -> int:
        """How many rounds there were."""
        return len(next(iter(self.rounds.values())))

    def ratio(self, way: str, other: str) -> float:
        """How many times as long `way` takes as `other`, at the same time on the same machine."""
        pairs = zip(self.rounds[way], self.rounds[other], strict=True)
        return float(np.median([one / another for one, another in pairs]))

    def shortest(self, way: str) -> float:
        """What it takes when nothing else uses the machine."""
        return min(self.rounds[way])


@dataclass(frozen=True)
class Clock:
    """Counts down from now."""

    seconds: float
    started: float = field(default_factory=time.monotonic)

    def left(self) -> float:
        """Seconds until the time is up; negative afterwards."""
        return self.started + self.seconds - time.monotonic()


def compared(
    name: str,
    ways: dict[str, Callable[[], object]],
    rounds: int,
    seconds: float,
    *,
    tries: int = 2,
    timer: Timer = time.perf_counter,
) -> Times:
    """All ways in turn, in every other round in the reverse order, until the time is up.

    A turn is a pause, because threads of the way before wait busily for a while, a run that does
    not count, because after a pause everything is slow, and `tries` of which the shortest counts.
    """
    clock = Clock(seconds)
    seen: dict[str, list[float]] = {way: [] for way in ways}
    for number in range(rounds):
        if number >= LEAST_ROUNDS and clock.left() < 0:
            left_out(f"{rounds - number} of {rounds} rounds of {name}")
            break
        for way in list(ways)[:: 1 if number % 2 == 0 else -1]:
            time.sleep(PAUSE)
            ways[way]()
            seen[way].append(min(milliseconds(ways[way], timer) for _ in range(tries)))
    return Times(seen)


def left_out(what: str, why: str = "there was no time") -> dict[str, float]:
    """Says what is not measured; no figures."""
    print(f"Left out: {what} ({why}).", file=sys.stderr)
    return {}


def milliseconds(run: Callable[[], object], timer: Timer = time.perf_counter) -> float:
    """How long it takes."""
    start = timer()
    run()
    return (timer() - start) * 1000


def printed_number(code: str) -> float:
    """The last line that a fresh Python prints for this code."""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ
    )
    return float(done.stdout.strip().splitlines()[-1])


@contextmanager
def quiet() -> Iterator[None]:
    """Without ultralytics' and sahi's reports, which would spoil what this prints."""
    # They set up their loggers when they are imported.
    for module in ("ultralytics", "sahi.predict"):
        if importlib.util.find_spec(module.partition(".")[0]) is not None:
            importlib.import_module(module)
    loggers = [logging.getLogger(name) for name in ("ultralytics", "sahi", "detector_runtime")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


if __name__ == "__main__":
    print(json.dumps(measure(), indent=2))
