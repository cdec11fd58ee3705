"""Training jobs of a second or two, and hosts that claim to have a GPU.

The program keeps the promises of `pipeline.jobs.program` (events, whole checkpoints,
going on from one, the stop file, `done.json` last) and multiplies nothing.
"""

from __future__ import annotations

import json
import sys
import textwrap
from pathlib import Path

import numpy as np

from pipeline.jobs.events import EpochEvent, JobEvent
from pipeline.training.job import TrainingSpec, job_spec, write_job
from resources.gpu.timeouts import Timeouts

TRAINING = TrainingSpec(game="demo", class_names=("knight",))
SPEC = job_spec(TRAINING)
GPU_NAME = "NVIDIA GeForce RTX 4090"
QUICK = Timeouts(
    poll_interval=0.05,
    list_lag=0.3,
    create_resolution=3.0,
    placement=60.0,
    boot=10.0,
    address=0.6,
    login=2.0,
    reconnect=3.0,
    doubt=1.0,
    checkpoint_interval=0.0,
    finish=2.0,
    rescue=3.0,
    termination=4.0,
    billing=1.0,
)

PROGRAM = """
import hashlib, json, os, pathlib, signal, sys, time

EPOCHS, SECONDS = {epochs}, {seconds}
outputs = pathlib.Path("outputs")
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))

def event(kind, **fields):
    with open("outputs/metrics.jsonl", "a") as stream:
        stream.write(json.dumps({{"event": kind, "seconds": 1.0, **fields}}) + "\\n")

def whole(name, content):
    temporary = outputs / ("." + name + ".tmp")
    temporary.write_bytes(content)
    os.replace(temporary, outputs / name)

start = 0
if os.path.exists("resume.pt"):
    assert json.load(open("resume.json"))["sha256"] == hashlib.sha256(
        open("resume.pt", "rb").read()).hexdigest()
    start = int(open("resume.pt").read().split()[1])
    print("going on after epoch", start, flush=True)
print("training on", len(list(pathlib.Path("data").glob("images/*"))), "images", flush=True)
(outputs / "plots").mkdir(exist_ok=True)
(outputs / "plots" / "train_batch0.jpg").write_bytes(b"drawn")
for epoch in range(start + 1, EPOCHS + 1):
    time.sleep(SECONDS)
    content = f"epoch {{epoch}}".encode()
    whole("checkpoint.pt", content)
    whole("checkpoint.json", json.dumps({{
        "epoch": epoch, "epochs": EPOCHS, "stage": "train", "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest()}}).encode())
    event("epoch", epoch=epoch, epochs=EPOCHS, stage="train", map50=epoch / EPOCHS,
          epoch_seconds=SECONDS)
    print("epoch", epoch, flush=True)
    if os.path.exists("stop"):
        print("asked to stop", flush=True)
        break
for name in ("best.pt", "last.pt", "best.onnx", "results.csv"):
    whole(name, f"{{name}} after epoch {{epoch}}".encode())
os.unlink("outputs/checkpoint.pt"); os.unlink("outputs/checkpoint.json")
event("done")
whole("done.json", b"{{}}")
"""

LYING_PYTHON = """\
#!/bin/sh
# Its torch sees a GPU, for those who ask by agent.py; of other packages it tells the truth.
case "$1 $2" in
    *agent-*.py" probe") shift 2; exec "{python}" -c '{lie}' '{answer}' "$@" ;;
    *) exec "{python}" "$@" ;;
esac
"""
LIE = """
import importlib.metadata, json, sys
answer, asked = json.loads(sys.argv[1]), sys.argv[2:]
here = {item.metadata["Name"]: item.version for item in importlib.metadata.distributions()}
here |= {name: "0.0" for name in answer.pop("outdated")}
print(json.dumps({**answer, "found": {name: here.get(name) for name in asked}}))
"""


class Listener:
    """Keeps all that a job tells."""

    def __init__(self) -> None:
        self.events: list[JobEvent] = []
        self.lines: list[str] = []

    @property
    def epochs(self) -> list[int]:
        return [event.epoch for event in self.events if isinstance(event, EpochEvent)]

    def said(self, words: str) -> bool:
        return any(words in line for line in self.lines)


def training_program(epochs: int = 3, seconds: float = 0.1) -> str:
    """A program that trains for so long."""
    return PROGRAM.format(epochs=epochs, seconds=seconds)


def write_small_job(folder: Path, program: str, images: int = 3) -> Path:
    """A job folder with a few kilobytes of images and another program; its job file."""
    training_set = folder.with_name(f"{folder.name}-set")
    (training_set / "images").mkdir(parents=True)
    random = np.random.default_rng(7)
    for number in range(images):
        image = training_set / "images" / f"real_{number}.jpg"
        image.write_bytes(random.integers(0, 256, 2000, dtype=np.uint8).tobytes())
    for name in ("train.txt", "val.txt"):
        (training_set / name).write_text("./images/real_0.jpg\n", encoding="utf-8")
    job = write_job(folder, TRAINING, training_set)
    # Not through the file itself: it may be a link to the real program.
    (folder / "program.pyz").unlink()
    (folder / "program.pyz").write_text(textwrap.dedent(program), encoding="utf-8")
    return job


def gpu_python(
    gpu: str | None = GPU_NAME, trouble: str = "", outdated: tuple[str, ...] = ()
) -> str:
    """A `python3` of this machine that claims to have a GPU, and old versions of some packages."""
    answer = {
        "python": "python3",
        "torch": "2.8.0",
        "cuda": "12.8",
        "gpu": gpu,
        "trouble": trouble,
        "outdated": outdated,
    }
    return LYING_PYTHON.format(answer=json.dumps(answer), python=sys.executable, lie=LIE)
