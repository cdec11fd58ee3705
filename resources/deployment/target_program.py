"""What a target's own Python does: it reads this file from its standard input (`python - ...`).

Nothing else of Outpost is there, only detector_runtime, of whichever version. The arguments are an
action, the target's folder, and what the action takes. The last line that is printed is one JSON
object: the answer, or what is wrong ("problem") and what to do ("fix").
"""

from __future__ import annotations

import json
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

OLDEST_PYTHON = (3, 10)
FRAME = (1280, 720)
"""Width and height in pixels of the frame that is looked at."""
INSTALL = "-m pip install --upgrade detector-runtime"

Answer = dict[str, Any]


class DamagedFolderError(Exception):
    """What a target's folder says of itself cannot be read, so no program can open it.

    Attributes:
        problem: which file, and why.
        fix: what to do about it.
    """

    def __init__(self, problem: str, file: Path) -> None:
        super().__init__(problem)
        self.problem = problem
        self.fix = (
            f"Remove {file} there, and deploy again: the model's files need not be sent again. "
            "There is no way back to the models before."
        )


def main(action: str, folder: str, *words: str) -> None:
    """Do what the arguments say, and print the answer."""
    try:
        if sys.version_info < OLDEST_PYTHON:
            raise ImportError("detector_runtime needs Python 3.10 or newer")
        answer = ACTIONS[action](Path(folder).expanduser().absolute(), *words)
    except Exception as error:
        answer = _trouble(error)
    # On a line of its own, whatever libraries have printed.
    print(f"\n{json.dumps(answer)}", flush=True)


def check(folder: Path, version: str) -> Answer:
    """What `look` says, the disk's free bytes, and the files of a version that is there already."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder):
        pass
    free = shutil.disk_usage(folder).free
    return {**look(folder), "free": free, "held": _files_of(folder / "versions" / version)}


def use(folder: Path, source: str, by: str) -> Answer:
    """Have a bundle look at a frame, and use it from now on.

    Args:
        folder: of the target.
        source: the bundle's path, from that folder on where it is not absolute.
        by: who deploys it.
    """
    from detector_runtime import ModelUpdater

    seen = _look_at_frame(folder / source)
    ModelUpdater(folder).use(folder / source, by=by)
    return {**look(folder), "smoke": seen}


def smoke(folder: Path) -> Answer:
    """Have the model in use look at a frame, opened as a program opens it."""
    return {**look(folder), "smoke": _look_at_frame(folder)}


def rollback(folder: Path, leaving: str) -> Answer:
    """Have the model that worked before look at a frame, then go back to it.

    Args:
        folder: of the target.
        leaving: the version in use; with another one nothing is done, so that asking twice does no
            harm.
    """
    from detector_runtime import ModelUpdater

    updater = ModelUpdater(folder)
    models, installation = updater.models, updater.models.installation()
    if installation is None or installation.current.version != leaving:
        return smoke(folder)
    before = models.before()
    seen = None if before is None else _look_at_frame(models.path_of(before.current))
    updater.rollback()
    return {**look(folder), "smoke": seen}


def look(folder: Path) -> Answer:
    """Which model is in use, the digests of its files, and which models were used before."""
    import onnxruntime
    from detector_runtime.errors import UpdateError
    from detector_runtime.updates.installed import ModelFolder

    import detector_runtime

    models = ModelFolder(folder)
    try:
        installation = models.installation()
    except UpdateError as error:
        raise DamagedFolderError(error.problem, models.current_file) from error
    answer: Answer = {
        "folder": str(folder),
        "exists": folder.is_dir(),
        "host": platform.node(),
        "python": sys.executable,
        "runtime": detector_runtime.__version__,
        "onnxruntime": onnxruntime.__version__,
        "current": None,
        "earlier": [],
    }
    if installation is not None:
        current = installation.current
        answer["current"] = {**_described(current), "files": _files_of(models.path_of(current))}
        answer["earlier"] = [_described(one) for one in installation.earlier if models.holds(one)]
    return answer


def _described(model: Any) -> Answer:
    return {
        "version": model.version,
        "name": model.name,
        "origin": model.origin,
        "installed_at": model.installed_at.isoformat(),
        "installed_by": model.installed_by,
    }


def _files_of(path: Path) -> dict[str, str] | None:
    """SHA-256 by name of a model's files, all verified; None where it is not whole.

    A bundle's manifest lists every file but itself, and has the thresholds: the name of an own
    model's folder is the digest of all its files, as they lie there.
    """
    from detector_runtime.bundle import MANIFEST_NAME, Bundle
    from detector_runtime.errors import DetectorError
    from detector_runtime.updates.downloads import file_digest
    from detector_runtime.updates.installed import OWN
    from detector_runtime.updates.installing import own_version

    try:
        if path.suffix == ".onnx":
            return {path.name: file_digest(path)}
        bundle = Bundle.load(path)
        contents = {**bundle.contents, MANIFEST_NAME: (path / MANIFEST_NAME).read_bytes()}
    except (DetectorError, OSError):
        return None
    if path.name.startswith(OWN) and own_version(contents) != path.name:
        return None
    return {name: one.sha256 for name, one in bundle.manifest.files.items()}


def _look_at_frame(model: Path) -> Answer:
    """What a detector finds in a frame of noise, and how long its second look at it takes."""
    import numpy as np

    from detector_runtime import open_detector

    width, height = FRAME
    noise = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    with open_detector(model) as detector:
        detector.detect_fast(noise)
        began = time.perf_counter()
        found = detector.detect_fast(noise)
        took = time.perf_counter() - began
    return {"source": str(found.source), "milliseconds": 1000 * took, "found": len(found)}


def _trouble(error: Exception) -> Answer:
    """What is wrong and what to do, of anything that can be raised here."""
    python = f"{sys.executable} (Python {platform.python_version()})"
    if hasattr(error, "problem") and hasattr(error, "fix"):
        is_damaged = isinstance(error, DamagedFolderError)
        return {"problem": error.problem, "fix": error.fix, "is_damaged": is_damaged}
    missing = error.name or "" if isinstance(error, ImportError) else ""
    if isinstance(error, (AttributeError, TypeError)) or missing.startswith("detector_runtime."):
        return {
            "problem": f"detector_runtime of {python} is too old to be deployed to: {error}",
            "fix": f"Bring it up to date there: {sys.executable} {INSTALL}",
        }
    if isinstance(error, ImportError):
        return {
            "problem": f"{python} cannot run a detector: {error}",
            "fix": f"Install it there ({sys.executable} {INSTALL}), or name the Python that the "
            "program runs in: --python PYTHON",
        }
    if isinstance(error, OSError):
        fix = "Make room on that disk, and see that the account may write there."
        return {"problem": str(error), "fix": fix}
    problem = f"the model did not look at a frame: {type(error).__name__}: {error}"
    return {"problem": problem, "fix": "Try it there: detector-runtime info MODEL"}


ACTIONS: dict[str, Callable[..., Answer]] = {
    "check": check,
    "use": use,
    "smoke": smoke,
    "rollback": rollback,
    "look": look,
}

if __name__ == "__main__":
    main(*sys.argv[1:])
