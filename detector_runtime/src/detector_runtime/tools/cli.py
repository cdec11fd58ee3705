"""The `detector-runtime` command."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from detector_runtime._version import __version__
from detector_runtime.access import find_model, open_detector, open_model
from detector_runtime.checks import check_number
from detector_runtime.detector import Detector
from detector_runtime.errors import ConfigurationError, DetectorError, ModelLoadError
from detector_runtime.images import check_sides
from detector_runtime.results import Detections
from detector_runtime.settings import DetectorSettings
from detector_runtime.tools.contributing import add_contribute_commands
from detector_runtime.tools.looking import MODES, look
from detector_runtime.tools.updating import (
    add_source_arguments,
    add_update_commands,
    updater_of,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command; 0 when it did what was asked, 1 when it says why not."""
    chosen = _parser().parse_args(arguments)
    try:
        chosen.run(chosen)
    except DetectorError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # Whoever read our output has seen enough.
        sys.stderr.close()
        return 0
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="detector-runtime",
        description="Finds entities in game screenshots with a shipped detector.",
        epilog="example: detector-runtime detect shot.png --model bundle.zip --save found.png",
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    _add_detect(commands)
    _add_info(commands)
    _add_bench(commands)
    _add_watch(commands)
    _add_serve(commands)
    add_update_commands(commands)
    add_contribute_commands(commands)
    return parser


def _add_detect(commands: Any) -> None:
    command = commands.add_parser("detect", help="find entities in images")
    command.add_argument("images", nargs="+", type=Path, metavar="IMAGE")
    command.add_argument("--save", type=Path, metavar="OUT", help="draw the (last) result here")
    command.add_argument("--json", metavar="PATH", help="write the results here; - is the screen")
    _add_model_arguments(command)
    command.set_defaults(run=_detect)


def _add_info(commands: Any) -> None:
    command = commands.add_parser("info", help="what a model is, and whether it can be used")
    command.add_argument("model", nargs="?", type=Path, metavar="MODEL")
    command.add_argument("--json", action="store_true", help="for programs")
    command.set_defaults(run=_info)


def _add_bench(commands: Any) -> None:
    command = commands.add_parser("bench", help="how long a detection takes on this machine")
    command.add_argument("--size", default="3024x1672", metavar="WxH", help="of the image")
    command.add_argument("--runs", type=int, default=20)
    command.add_argument("--json", action="store_true", help="for programs")
    _add_model_arguments(command)
    command.set_defaults(run=_bench)


def _add_watch(commands: Any) -> None:
    command = commands.add_parser("watch", help="detect in images as they appear in a folder")
    command.add_argument("folder", type=Path, metavar="FOLDER")
    command.add_argument("--interval", type=float, default=0.5, help="seconds between looks at it")
    command.add_argument("--once", action="store_true", help="only what is there now")
    command.add_argument("--save", type=Path, metavar="FOLDER", help="draw the results here")
    _add_model_arguments(command)
    command.set_defaults(run=_watch)


def _add_serve(commands: Any) -> None:
    command = commands.add_parser("serve", help="answer HTTP requests of this machine")
    command.add_argument("--host", default="127.0.0.1")
    command.add_argument("--port", type=int, default=8765)
    command.add_argument("--max-mb", type=float, default=20, help="of one request")
    command.add_argument("--rate", type=float, default=20, help="images a second")
    _add_model_arguments(command)
    command.add_argument(
        "--updates", type=Path, metavar="FOLDER", help="keep the model in this folder up to date"
    )
    add_source_arguments(command)
    command.set_defaults(run=_serve)


def _add_model_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("--model", type=Path, help="bundle, .onnx or .pt; found when left out")
    command.add_argument("--mode", choices=sorted(MODES), default="fast")
    command.add_argument("--confidence", type=float, help="lowest score that counts, 0 to 1")
    command.add_argument("--imgsz", type=int, help="longer side of the input, if it is free")
    command.add_argument("--threads", type=int)
    command.add_argument("--tracking", choices=["kalman", "greedy", "none"], default="none")
    command.add_argument("--mock", action="store_true", help="made-up entities, without a model")


def _open(chosen: argparse.Namespace) -> Detector:
    return open_detector(chosen.model, chosen.mock, _settings(chosen))


def _settings(chosen: argparse.Namespace) -> DetectorSettings:
    return DetectorSettings(
        confidence_threshold=chosen.confidence,
        imgsz=chosen.imgsz,
        threads=chosen.threads,
        tracking=chosen.tracking,
    )


def _detect(chosen: argparse.Namespace) -> None:
    results: dict[str, dict[str, Any]] = {}
    with _open(chosen) as detector:
        for path in chosen.images:
            found = look(detector, path, chosen.mode)
            results[str(path)] = found.to_dict()
            if chosen.json is None:
                _print_table(path, found)
    if chosen.json is not None:
        only = next(iter(results.values())) if len(results) == 1 else results
        _write_json(only, chosen.json)
    if chosen.save is not None:
        _save(path, found, chosen.save)


def _info(chosen: argparse.Namespace) -> None:
    path = chosen.model or find_model()
    if path is None:
        raise ModelLoadError("no model was found", "Name one: detector-runtime info MODEL")
    try:
        about = _about(path)
    except DetectorError as error:
        if chosen.json:
            _write_json({"usable": False, "problem": error.problem, "fix": error.fix}, "-")
        else:
            print(f"{path}: FAIL")
        raise
    if chosen.json:
        _write_json(about, "-")
        return
    for name, value in about.items():
        text = ", ".join(map(str, value)) if isinstance(value, list) else value
        print(f"{name:<12} {text}")
    print(f"{path}: PASS")


def _about(path: Path) -> dict[str, Any]:
    model = open_model(path, DetectorSettings())
    facts = model.facts
    about = {
        "usable": True,
        "source": str(facts.source),
        "classes": list(facts.class_names),
        "input_size": list(facts.input_size),
        "rows": facts.max_rows,
        "trained_on": facts.trained_on,
        "scale": facts.scale,
        "threshold": facts.thresholds.default,
    }
    shape = getattr(model, "input_shape", None)
    metadata = getattr(model, "metadata", {})
    about |= {"input_shape": shape} if shape else {}
    about |= {
        key: metadata[key]
        for key in sorted(metadata)
        if key in ("end2end", "stride", "license", "date", "version") or key.startswith("outpost_")
    }
    return about


def _bench(chosen: argparse.Namespace) -> None:
    from detector_runtime.tools.benchmark import measure

    width, _, height = chosen.size.partition("x")
    if not (width.isdecimal() and height.isdecimal()) or chosen.runs < 1:
        raise ConfigurationError(
            f"--size {chosen.size} --runs {chosen.runs} cannot be measured",
            "For example: --size 1920x1080 --runs 20",
        )
    check_sides(int(width), int(height))
    with _open(chosen) as detector:
        figures = measure(detector, (int(width), int(height)), chosen.runs)
    if chosen.json:
        _write_json(figures, "-")
        return
    for name, value in figures.items():
        print(f"{name:<16} {f'{value:.2f}' if isinstance(value, float) else value}")


def _watch(chosen: argparse.Namespace) -> None:
    from detector_runtime.tools.watching import new_images, present_images

    folder, interval = chosen.folder, chosen.interval
    check_number("--interval", interval, 0.01)
    if not folder.is_dir():
        raise ConfigurationError(f"there is no folder {folder}", "Check the path.")
    if chosen.save is not None:
        with _writing(chosen.save):
            chosen.save.mkdir(parents=True, exist_ok=True)
    with _open(chosen) as detector:
        for path in present_images(folder) if chosen.once else new_images(folder, interval):
            print(json.dumps(_seen(detector, path, chosen)), flush=True)


def _seen(detector: Detector, path: Path, chosen: argparse.Namespace) -> dict[str, Any]:
    """One line of `watch`; a bad image is reported and does not end it."""
    try:
        found = look(detector, path, chosen.mode)
        if chosen.save is not None:
            _save(path, found, chosen.save / f"{path.stem}.png")
    except DetectorError as error:
        return {"file": path.name, "error": {"problem": error.problem, "fix": error.fix}}
    return {"file": path.name, **found.to_dict()}


def _serve(chosen: argparse.Namespace) -> None:
    from detector_runtime.tools.server import DetectionServer, ServerLimits

    check_number("--max-mb", chosen.max_mb, 0.001, 2048)
    check_number("--rate", chosen.rate, 0.001)
    limits = ServerLimits(
        body_bytes=int(chosen.max_mb * (1 << 20)),
        per_second=chosen.rate,
        burst=max(1, round(chosen.rate)),
    )
    with _open_served(chosen) as detector:
        detector.warmup()
        with DetectionServer(detector, chosen.host, chosen.port, limits) as server:
            print(f"{detector.source} on http://{chosen.host}:{server.server_port}", flush=True)
            server.serve_forever()


def _open_served(chosen: argparse.Namespace) -> Detector:
    if chosen.updates is None:
        if chosen.source or chosen.channel or chosen.keys or chosen.unsigned:
            raise ConfigurationError(
                "--source, --channel, --keys and --unsigned are of --updates, which is not given",
                "Name the folder in which the model is kept with --updates.",
            )
        return _open(chosen)
    if chosen.mock or chosen.model is not None:
        raise ConfigurationError(
            "--updates names where the model is, and --model or --mock another one",
            "Leave one of them out.",
        )
    return updater_of(chosen.updates, chosen).detector(_settings(chosen))


def _print_table(path: Path, found: Detections) -> None:
    print(f"{path}: {len(found)} entities, {found.source}, {found.timings.total_ms:.0f} ms")
    for entity in found:
        x1, y1, x2, y2 = entity.bbox
        print(
            f"  {entity.id:<24} {entity.confidence:.2f}  "
            f"({x1:.0f}, {y1:.0f}) to ({x2:.0f}, {y2:.0f})"
        )


def _write_json(values: Any, target: str) -> None:
    text = json.dumps(values, indent=2)
    if target == "-":
        print(text)
        return
    with _writing(target):
        Path(target).write_text(text + "\n", encoding="utf-8", newline="\n")


def _save(path: Path, found: Detections, target: Path) -> None:
    from detector_runtime.tools.drawing import draw

    image = draw(path, found)
    with _writing(target):
        image.save(target)


@contextmanager
def _writing(target: Path | str) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            f"{target} cannot be written: {error}",
            "Choose a folder that exists and a name that ends in .png or .jpg for images.",
        ) from error
