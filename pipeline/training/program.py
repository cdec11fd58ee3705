"""The training job, on any host: `python program.py job.json`.

It needs Python, ultralytics and what that brings, and nothing of Outpost: a copy of this file
travels in the job's folder.

    job.json            what to do (`pipeline.training.job.JobSpec`)
    program.py          this file
    data/               the training set, when the job trains
    *.pt                weights to start from or to export, when they are at hand
    work/               scratch: everything that ultralytics writes
    outputs/            what comes back; `done.json` is written last and only when all went well

Every line of `outputs/metrics.jsonl` is one event (`pipeline.training.results`). With `--lifeline`
the job ends when its standard input is closed, so that it cannot outlive whoever started it.
"""

from __future__ import annotations

import errno
import hashlib
import json
import math
import os
import platform
import shutil
import signal
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

EXIT_FAILED = 1
EXIT_NO_MEMORY = 3
EXIT_DISK_FULL = 4
EXIT_STOPPED = 143
"""What a shell reports of a process that SIGTERM ended."""

KILL = getattr(signal, "SIGKILL", signal.SIGTERM)
"""Windows knows no other; there SIGTERM kills at once."""

MAX_DETECTIONS = 300
PROGRESS_SECONDS = 2.0
LIFELINE_GRACE_SECONDS = 10.0
LINEAGE_PREFIX = "outpost_"
OUT_OF_MEMORY_TEXTS = ("out of memory", "can't allocate memory", "not enough memory")
METRIC_NAMES = {
    "precision": "metrics/precision(B)",
    "recall": "metrics/recall(B)",
    "map50": "metrics/mAP50(B)",
    "map50_95": "metrics/mAP50-95(B)",
}


def main(arguments: list[str]) -> int:
    """Run the job that a file describes and return the exit code."""
    sys.stdout.reconfigure(line_buffering=True, encoding="utf-8", errors="replace")  # type: ignore[union-attr]
    stop_on_request()
    if "--lifeline" in arguments:
        stop_when_abandoned()
    folder = Path(arguments[0]).resolve().parent
    job = json.loads((folder / "job.json").read_text(encoding="utf-8"))
    try:
        with Outputs(folder / "outputs") as outputs:
            return run_and_explain(job, folder, outputs)
    except OSError as error:
        traceback.print_exc()
        return exit_code_of(error)


def run_and_explain(job: dict[str, Any], folder: Path, outputs: Outputs) -> int:
    """Run the job; a failure is told as the last event, and by the exit code."""
    try:
        run(job, folder, outputs)
    except Exception as error:
        traceback.print_exc()
        outputs.event("failed", message=f"{type(error).__name__}: {error}"[:2000])
        return exit_code_of(error)
    return 0


def run(job: dict[str, Any], folder: Path, outputs: Outputs) -> None:
    """Train and export, as far as the job asks for it."""
    work = folder / "work"
    keep_to_the_folder(work)
    outputs.event("stage", stage="prepare", message="Loading ultralytics")
    tame_ultralytics(work)
    weights = find_weights(job, folder, work, outputs)
    outputs.json("environment.json", environment(weights))
    if "train" in job["stages"]:
        weights = train(job, folder, weights, outputs)
    if "export" in job["stages"]:
        if weights is None:
            raise FileNotFoundError(f"{job['weights']} is not in the job's folder to be exported")
        export(job, weights, work, outputs)
    outputs.finish()


# Training


def train(job: dict[str, Any], folder: Path, weights: Path | None, outputs: Outputs) -> Path:
    """Train to the end or to the early stop; the path of the best checkpoint in the outputs."""
    from ultralytics import YOLO

    outputs.event("stage", stage="train", message="Reading the training set")
    model = YOLO(str(weights or job["architecture"]), task="detect")
    recorder = Recorder(outputs)
    options = dict(job["hyperparameters"])
    callbacks = {**recorder.callbacks(), **take_cpu_options(options)}
    for name, callback in callbacks.items():
        model.add_callback(name, callback)
    runs = folder / "work" / "runs"
    try:
        model.train(
            data=str(write_dataset_file(job, folder)),
            # Without nms=False current releases choose checkpoints on the head that is not shipped.
            nms=False,
            plots=False,
            project=str(runs),
            name="train",
            exist_ok=True,
            **options,
        )
    finally:
        outputs.copy(runs / "train" / "results.csv")
    for name in ("best.pt", "last.pt"):
        publish_checkpoint(runs / "train" / "weights" / name, outputs)
    return outputs.folder / "best.pt"


class Recorder:
    """Turns what ultralytics calls back into events, and keeps a whole checkpoint at all times."""

    def __init__(self, outputs: Outputs) -> None:
        self.outputs = outputs
        self.began = self.epoch_began = self.told = time.monotonic()
        self.batch = 0
        self.in_epoch = False

    def callbacks(self) -> dict[str, Any]:
        """By the name of ultralytics' hook."""
        return {
            "on_train_start": self.training_starts,
            "on_train_epoch_start": self.epoch_starts,
            "on_train_batch_end": self.batch_ends,
            "on_fit_epoch_end": self.epoch_ends,
            "on_model_save": self.checkpoint_written,
        }

    def training_starts(self, _trainer: Any) -> None:
        self.began = time.monotonic()

    def epoch_starts(self, _trainer: Any) -> None:
        self.epoch_began = time.monotonic()
        self.batch = 0
        self.in_epoch = True

    def batch_ends(self, trainer: Any) -> None:
        self.batch += 1
        now = time.monotonic()
        if now - self.told < PROGRESS_SECONDS:
            return
        self.told = now
        batches = len(trainer.train_loader)
        done = trainer.epoch - trainer.start_epoch + self.batch / batches
        self.outputs.event(
            "progress",
            epoch=trainer.epoch + 1,
            epochs=trainer.epochs,
            batch=self.batch,
            batches=batches,
            seconds_left=self._seconds_left(trainer, done),
        )

    def epoch_ends(self, trainer: Any) -> None:
        metrics = {name: number(trainer.metrics.get(key)) for name, key in METRIC_NAMES.items()}
        if not self.in_epoch:
            # Called once more after the last epoch, with the figures of the best checkpoint.
            self.outputs.event("best", **metrics)
            return
        self.in_epoch = False
        epoch = trainer.epoch + 1
        train_losses = trainer.label_loss_items(trainer.tloss, prefix="train")
        self.outputs.event(
            "epoch",
            epoch=epoch,
            epochs=trainer.epochs,
            **metrics,
            train_losses=losses(train_losses, "train/"),
            val_losses=losses(trainer.metrics, "val/"),
            learning_rate=number(next(iter(trainer.lr.values()), None)),
            epoch_seconds=round(time.monotonic() - self.epoch_began, 3),
            seconds_left=self._seconds_left(trainer, epoch - trainer.start_epoch),
        )

    def checkpoint_written(self, trainer: Any) -> None:
        # ultralytics writes last.pt in place: whoever reads it meanwhile gets half of it.
        self.outputs.copy(trainer.last, "checkpoint.pt")

    def _seconds_left(self, trainer: Any, epochs_done: float) -> float:
        elapsed = time.monotonic() - self.began
        epochs_left: float = trainer.epochs - trainer.start_epoch - epochs_done
        return round(elapsed / epochs_done * max(epochs_left, 0.0), 1)


def take_cpu_options(options: dict[str, Any]) -> dict[str, Any]:
    """Callbacks that make training on a CPU faster; `options` is left as ultralytics knows it.

    ultralytics changes memory format and precision on GPUs alone. On two cores with AVX512-BF16 a
    step takes 1.34 s as it comes, 0.90 s on both cores, 0.62 s with channels_last as well, and
    0.37 s with the layers in bfloat16 (YOLO26n, 16 pictures of 320 px).
    """
    channels_last, precision = options["channels_last"], options.pop("precision")
    options["channels_last"] = None if channels_last else False
    options["amp"] = {"auto": True, "bf16": "bf16", "fp32": False}[precision]

    def tune(trainer: Any) -> None:
        import torch

        if trainer.device.type != "cpu":
            return
        if channels_last:
            for model in (trainer.model, trainer.ema.ema):
                model.to(memory_format=torch.channels_last)
        if precision == "bf16" or (precision == "auto" and cpu_has_bfloat16()):
            compute_in_bfloat16(trainer.model)

    return {"on_pretrain_routine_end": tune}


def cpu_has_bfloat16() -> bool:
    """Whether the CPU multiplies bfloat16 itself; where it is emulated it is slower."""
    import torch

    known: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
    return any(known.get(name) for name in ("avx512_bf16", "amx_bf16", "bf16"))


def compute_in_bfloat16(model: Any) -> None:
    """Run the layers in bfloat16; weights, loss and optimizer stay in float32."""
    import torch

    predict = model.predict

    def predict_mixed(*arguments: Any, **options: Any) -> Any:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            predicted = predict(*arguments, **options)
        return as_float32(predicted)

    model.predict = predict_mixed


def as_float32(value: Any) -> Any:
    """The same nested dictionaries, lists and tuples with every tensor as float32."""
    if isinstance(value, dict):
        return {key: as_float32(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(as_float32(item) for item in value)
    return value.float()


def write_dataset_file(job: dict[str, Any], folder: Path) -> Path:
    """The data file that ultralytics wants, with the absolute path of this host. JSON is YAML."""
    content = {
        "path": str(folder / "data"),
        "train": "train.txt",
        "val": "val.txt",
        "names": dict(enumerate(job["class_names"])),
    }
    file = folder / "work" / "dataset.yaml"
    file.write_text(json.dumps(content), encoding="utf-8")
    return file


def publish_checkpoint(source: Path, outputs: Outputs) -> None:
    """Copy a finished checkpoint without what says where and when it was made."""
    import torch

    checkpoint = torch.load(source, map_location="cpu", weights_only=False)
    for key in ("git", "date"):
        checkpoint.pop(key, None)
    for settings in (checkpoint["train_args"], checkpoint["model"].args):
        for key in {"data", "model", "project", "save_dir"} & set(settings):
            settings[key] = Path(str(settings[key])).name
    with outputs.replacing(source.name) as temporary:
        torch.save(checkpoint, temporary)


# Export


def export(job: dict[str, Any], weights: Path, work: Path, outputs: Outputs) -> None:
    """Write the ONNX model with the head that needs no NMS, and its lineage within."""
    from ultralytics import YOLO

    outputs.event("stage", stage="export", message="Exporting ONNX")
    copy = work / "model.pt"
    shutil.copyfile(weights, copy)
    exported = YOLO(str(copy), task="detect").export(
        format="onnx",
        imgsz=job["hyperparameters"]["imgsz"],
        # Anything but False exports the head with one row per anchor, whatever its shape says.
        nms=False,
        device="cpu",
        **job["export"],
    )
    with outputs.replacing("best.onnx") as temporary:
        write_lineage(Path(exported), temporary, job)


def write_lineage(source: Path, target: Path, job: dict[str, Any]) -> None:
    """Copy an ONNX model, its metadata without date and paths but with the job's lineage."""
    import onnx

    model = onnx.load(str(source))
    metadata = {item.key: item.value for item in model.metadata_props}
    metadata.pop("date", None)
    metadata["description"] = f"Detector of {job['game']}, trained with Outpost and ultralytics"
    metadata.update({f"{LINEAGE_PREFIX}{key}": str(job["lineage"][key]) for key in job["lineage"]})
    del model.metadata_props[:]
    for key in sorted(metadata):
        entry = model.metadata_props.add()
        entry.key, entry.value = key, metadata[key]
    onnx.save(model, str(target))


# Weights


def find_weights(job: dict[str, Any], folder: Path, work: Path, outputs: Outputs) -> Path | None:
    """The weights that the job names: in its folder, else downloaded, else none."""
    at_hand: Path = folder / job["weights"]
    if at_hand.is_file():
        return at_hand
    if "train" not in job["stages"]:
        return None
    from ultralytics.utils.downloads import attempt_download_asset

    outputs.event("stage", stage="weights", message=f"Downloading {job['weights']}")
    downloaded: Path = work / job["weights"]
    try:
        attempt_download_asset(downloaded, retry=0, progress=False)
    except Exception as error:  # offline, blocked, no such release: all mean the same here
        print(f"{type(error).__name__}: {error}")
    if downloaded.is_file():
        return downloaded
    outputs.event(
        "message",
        message=f"{job['weights']} is not at hand and cannot be downloaded: training starts from "
        f"scratch ({job['architecture']})",
    )
    return None


# The host


def keep_to_the_folder(work: Path) -> None:
    """Have libraries write below `work` and nowhere else, and install nothing by themselves."""
    work.mkdir(parents=True, exist_ok=True)
    os.environ.update(
        YOLO_CONFIG_DIR=str(work / "config"),
        YOLO_AUTOINSTALL="false",
        # No look-up of newer releases and no usage statistics, both of which hang behind a
        # firewall. Weights are downloaded all the same.
        YOLO_OFFLINE="true",
        # Official builds of onnxruntime write an identifier to the home folder and report to
        # Microsoft unless this is set before the first import.
        ORT_DISABLE_TELEMETRY="1",
    )


def tame_ultralytics(work: Path) -> None:
    """Plain log lines, no trackers, every core."""
    import ultralytics.data.utils
    from ultralytics import settings
    from ultralytics.utils import torch_utils, tqdm

    settings.update(
        {key: False for key, value in settings.items() if isinstance(value, bool)}
        | {f"{kind}_dir": str(work / kind) for kind in ("datasets", "weights", "runs")}
    )
    tqdm.is_noninteractive_console = lambda: True
    # It fetches a font for plots, which are not drawn here.
    ultralytics.data.utils.check_font = lambda *_: None
    # ultralytics leaves one core idle, which on two cores is half of them.
    torch_utils.NUM_THREADS = usable_cores()


def usable_cores() -> int:
    """Cores that this process may use, a container's quota considered."""
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    else:
        cores = os.cpu_count() or 1
    quota_file = Path("/sys/fs/cgroup/cpu.max")
    if quota_file.is_file():
        quota, period = quota_file.read_text().split()
        if quota != "max":
            cores = min(cores, math.ceil(int(quota) / int(period)))
    return max(cores, 1)


def environment(weights: Path | None) -> dict[str, Any]:
    """Everything about this host that can change what comes out."""
    import importlib.metadata

    import torch

    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    packages = {str(d.metadata["Name"]): d.version for d in importlib.metadata.distributions()}
    return {
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "device": gpu or f"CPU, {usable_cores()} cores",
        "gpu": gpu,
        "cores": usable_cores(),
        "cuda": torch.version.cuda if gpu else None,
        "torch": torch.__version__,
        "ultralytics": packages.get("ultralytics") or packages.get("ultralytics-opencv-headless"),
        "weights": {"name": weights.name, "sha256": sha256_of(weights)} if weights else None,
        "packages": dict(sorted(packages.items())),
    }


def stop_on_request() -> None:
    """End in order on SIGTERM, so that loader processes end with this one."""

    def stop(_signal: int, _frame: Any) -> NoReturn:
        raise SystemExit(EXIT_STOPPED)

    signal.signal(signal.SIGTERM, stop)


def stop_when_abandoned() -> None:
    """End when standard input is closed: whoever started the job is gone."""

    def wait() -> None:
        # Not through sys.stdin, whose lock this thread would still hold when Python ends.
        while os.read(0, 1024):
            pass
        signal_group(signal.SIGTERM)
        time.sleep(LIFELINE_GRACE_SECONDS)
        signal_group(KILL)

    threading.Thread(target=wait, daemon=True).start()


def signal_group(number: signal.Signals) -> None:
    """Signal this process and, where it leads a group of its own, all that it started."""
    if hasattr(os, "killpg") and os.getpgrp() == os.getpid():
        os.killpg(os.getpid(), number)
    else:
        os.kill(os.getpid(), number)


def exit_code_of(error: BaseException) -> int:
    """Which of the exit codes tells best why the job failed."""
    for cause in chain_of(error):
        full = isinstance(cause, OSError) and cause.errno in (errno.ENOSPC, errno.EDQUOT)
        if full or "No space left on device" in str(cause):
            return EXIT_DISK_FULL
        exhausted = any(text in str(cause).lower() for text in OUT_OF_MEMORY_TEXTS)
        if exhausted or isinstance(cause, MemoryError):
            return EXIT_NO_MEMORY
    return EXIT_FAILED


def chain_of(error: BaseException | None) -> Iterator[BaseException]:
    """An error and what led to it."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


# The outputs


class Outputs:
    """The folder that comes back: events as they happen, files that appear whole."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.began = time.monotonic()

    def __enter__(self) -> Outputs:
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "done.json").unlink(missing_ok=True)
        self.stream = (self.folder / "metrics.jsonl").open("a", encoding="utf-8", newline="\n")
        return self

    def __exit__(self, *_: object) -> None:
        self.stream.close()

    def event(self, kind: str, **fields: Any) -> None:
        """Append one event; it can be read as soon as this returns."""
        seconds = round(time.monotonic() - self.began, 3)
        line = json.dumps({"event": kind, "seconds": seconds, **fields}, allow_nan=False)
        self.stream.write(line + "\n")
        self.stream.flush()

    def copy(self, source: Path, name: str | None = None) -> None:
        """Copy a file that exists; the copy appears whole."""
        if source.is_file():
            with self.replacing(name or source.name) as temporary:
                shutil.copyfile(source, temporary)

    def json(self, name: str, content: Any) -> None:
        """Write a JSON file that appears whole."""
        text = json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
        with self.replacing(name) as temporary:
            temporary.write_text(text, encoding="utf-8", newline="\n")

    def replacing(self, name: str) -> Replacement:
        """A temporary file that takes the place of `name` when the block ends well."""
        return Replacement(self.folder / name)

    def finish(self) -> None:
        """Drop what only a resumed job would need, and say what there is, last of all."""
        (self.folder / "checkpoint.pt").unlink(missing_ok=True)
        self.event("done")
        files = sorted(file for file in self.folder.iterdir() if file.suffix in (".pt", ".onnx"))
        self.json(
            "done.json",
            {
                file.name: {"bytes": file.stat().st_size, "sha256": sha256_of(file)}
                for file in files
            },
        )


class Replacement:
    """Writes beside a file, forces it to the disk and renames it into place."""

    def __init__(self, target: Path) -> None:
        self.target = target
        self.temporary = target.with_name(f".{target.name}.tmp")

    def __enter__(self) -> Path:
        return self.temporary

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is not None:
            self.temporary.unlink(missing_ok=True)
            return
        with self.temporary.open("rb+") as stream:
            os.fsync(stream.fileno())
        self.temporary.replace(self.target)


def sha256_of(file: Path) -> str:
    """Digest of a file's bytes."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def losses(items: dict[str, Any], prefix: str) -> dict[str, float | None]:
    """The losses among ultralytics' figures, without prefix and the word 'loss'."""
    return {
        key.removeprefix(prefix).removesuffix("_loss"): number(value)
        for key, value in items.items()
        if key.startswith(prefix)
    }


def number(value: Any) -> float | None:
    """A finite number in plain figures, else None: JSON knows no NaN."""
    if value is None or not math.isfinite(float(value)):
        return None
    return round(float(value), 6)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
