"""Finding a model and opening it; the detector that a whole program shares."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from detector_runtime.checks import check
from detector_runtime.detector import Detector
from detector_runtime.errors import ConfigurationError, ModelLoadError
from detector_runtime.models.base import Model
from detector_runtime.results import ModelSource
from detector_runtime.settings import DetectorSettings, settings_from
from detector_runtime.system.forks import call_in_children, fresh_lock
from detector_runtime.thresholds import Thresholds

if TYPE_CHECKING:
    from detector_runtime.updates.updater import ModelUpdater

MODEL_VARIABLE = "DETECTOR_RUNTIME_MODEL"
SEARCHED_FOLDERS = (Path(), Path("models"))

logger = logging.getLogger("detector_runtime")

_lock = threading.Lock()
_shared: tuple[Detector, tuple[str | None, bool, ModelUpdater | None, DetectorSettings]] | None
_shared = None
"""The shared detector, and what it was asked for with."""


def get_detector(
    model_path: str | os.PathLike[str] | None = None,
    use_mock: bool = False,
    *,
    reconfigure: bool = False,
    updates: ModelUpdater | None = None,
    **settings: Any,
) -> Detector:
    """The detector that the whole program shares; opened by the first call.

    The model is that of `updates`, whichever that is at the time of a call; else `model_path` (a
    bundle's folder or zip, a folder of a `ModelUpdater`, an `.onnx` or a `.pt` file), else what the
    environment variable DETECTOR_RUNTIME_MODEL names, else a bundle in the working folder or its
    `models`, else an installed bundle, else the `.onnx`, else the `.pt` file there, else the mock,
    with a warning. `detector.source` and every result say which it is.

    Args:
        model_path: see above.
        use_mock: takes the mock without a warning.
        reconfigure: replaces the shared detector by one with these arguments.
        updates: keeps the model up to date while the detector is used.
        settings: fields of `DetectorSettings`, for example `imgsz=640`.

    Raises:
        ConfigurationError: unknown setting; arguments that differ from those of the first call; or
            several models that could be meant.
        ModelLoadError: the model cannot be opened. A model that was named is never replaced by
            another one.
        UpdateError: `updates` has no model yet, and none could be fetched.
    """
    global _shared
    chosen = settings_from(settings)
    asked = (None if model_path is None else str(model_path), use_mock, updates, chosen)
    nothing_asked = asked == (None, False, None, DetectorSettings())
    if updates is not None and (use_mock or model_path is not None):
        raise ConfigurationError(
            "a model is named beside the one that is kept up to date",
            "Pass either updates= or model_path; updates.use(path) takes a model of your own.",
        )
    with _lock:
        if _shared is not None and not reconfigure:
            detector, asked_before = _shared
            if nothing_asked or asked == asked_before:
                return detector
            raise ConfigurationError(
                f"the shared detector is open already, with other arguments ({asked_before})",
                "Call get_detector() without arguments, pass reconfigure=True to replace it, or "
                "use open_detector() for a second one.",
            )
        detector = (
            open_detector(model_path, use_mock, chosen)
            if updates is None
            else updates.detector(chosen)
        )
        _close_shared()
        _shared = detector, asked
        return detector


def open_detector(
    model_path: str | os.PathLike[str] | None = None,
    use_mock: bool = False,
    settings: DetectorSettings | None = None,
) -> Detector:
    """A detector of its own; finds the model as `get_detector` does.

    Raises:
        ConfigurationError: several models could be meant.
        ModelLoadError: the model cannot be opened.
    """
    settings = settings or DetectorSettings()
    return Detector(_chosen_model(model_path, use_mock, settings), settings)


class EntityDetector(Detector):
    """A detector that its constructor opens; finds the model as `get_detector` does.

    Args:
        model_path: a bundle's folder or zip, an `.onnx` or a `.pt` file; found when left out.
        use_mock: takes the mock without a warning.
        settings: fields of `DetectorSettings`, for example `imgsz=640` or `use_sahi=False`.

    Raises:
        ConfigurationError: unknown setting, or several models that could be meant.
        ModelLoadError: the model cannot be opened.
    """

    def __init__(
        self,
        model_path: str | os.PathLike[str] | None = None,
        use_mock: bool = False,
        **settings: Any,
    ) -> None:
        chosen = settings_from(settings)
        super().__init__(_chosen_model(model_path, use_mock, chosen), chosen)


def _chosen_model(
    model_path: str | os.PathLike[str] | None, use_mock: bool, settings: DetectorSettings
) -> Model:
    if use_mock:
        return _mock(settings)
    if model_path is not None and not isinstance(model_path, (str, os.PathLike)):
        raise ConfigurationError(
            f"a {type(model_path).__name__} is not the path of a model", "Pass a string or a Path."
        )
    path = Path(model_path) if model_path is not None else find_model()
    if path is None:
        logger.warning(
            "NO MODEL FOUND: using the mock, whose entities are made up. Pass model_path, set %s, "
            "or put a bundle or .onnx file into the working folder or its 'models' folder.",
            MODEL_VARIABLE,
        )
        return _mock(settings)
    model = open_model(path, settings)
    logger.info("Using %s", model.facts.source)
    return model


def reset_detector() -> None:
    """Closes the shared detector; the next `get_detector` opens one anew."""
    with _lock:
        _close_shared()


def find_model() -> Path | None:
    """The model that is used when none is named; None when there is none.

    Raises:
        ConfigurationError: several of the same kind.
        ModelLoadError: the environment variable names what does not exist.
    """
    named = os.environ.get(MODEL_VARIABLE)
    if named:
        return _named(named)
    from detector_runtime.bundle import installed_bundles, is_bundle

    here = [folder for folder in SEARCHED_FOLDERS if folder.is_dir()]
    places = [folder for folder in here if is_bundle(folder)]
    places += [path for folder in here for path in sorted(folder.iterdir()) if is_bundle(path)]
    ways: tuple[Callable[[], Iterable[Path]], ...] = (
        lambda: places,
        lambda: installed_bundles().values(),
        lambda: (path for folder in here for path in sorted(folder.glob("*.onnx"))),
        lambda: (path for folder in here for path in sorted(folder.glob("*.pt"))),
    )
    for way in ways:
        found = list(dict.fromkeys(way()))
        if len(found) > 1:
            raise ConfigurationError(
                f"several models could be meant: {', '.join(str(path) for path in found)}",
                f"Pass model_path or set {MODEL_VARIABLE} to one of them.",
            )
        if found:
            return found[0]
    return None


def open_model(path: Path, settings: DetectorSettings) -> Model:
    """The model in a bundle, a folder of a `ModelUpdater`, an `.onnx` or a `.pt` file.

    Raises:
        ModelLoadError: absent, damaged, or of another kind.
        ConfigurationError: it cannot be opened with these settings.
    """
    from detector_runtime.bundle import Bundle, is_bundle
    from detector_runtime.models.onnx import ModelCard, OnnxOptions, load_onnx

    if not path.exists():
        raise ModelLoadError(f"there is no model at {path}", "Check the path.")
    options = OnnxOptions(settings.threads, settings.spinning, settings.imgsz, settings.scale)
    stated = None if settings.class_names is None else tuple(settings.class_names)
    if path.suffix == ".pt":
        from detector_runtime.models.torch import TorchModel

        check(settings.scale is None, "scale", settings.scale, "left out for a .pt file")
        return TorchModel(path, settings.imgsz, stated)
    if path.suffix == ".onnx":
        card = ModelCard(ModelSource("onnx", path.name), stated, thresholds=Thresholds())
        return load_onnx(path, card, options)
    if path.is_dir() and not is_bundle(path):
        # What fetches updates takes TLS along, as long to import as all that a bundle needs.
        from detector_runtime.released.kinds import DETECTOR
        from detector_runtime.updates.installed import CURRENT_FILE
        from detector_runtime.updates.updater import ModelUpdater

        if (path / CURRENT_FILE).is_file():
            return ModelUpdater(path).open(DETECTOR, options)[1]
    return Bundle.load(path).open(options)


def _named(name: str) -> Path:
    path = Path(name)
    if path.exists():
        return path
    from detector_runtime.bundle import installed_bundles

    installed = installed_bundles()
    if name in installed:
        return installed[name]
    raise ModelLoadError(
        f"{MODEL_VARIABLE} is '{name}': no such file, folder or installed bundle",
        f"Correct or unset it. Installed bundles: {', '.join(sorted(installed)) or 'none'}.",
    )


def _mock(settings: DetectorSettings) -> Model:
    from detector_runtime.models.mock import MockModel

    return MockModel(settings.class_names)


def _close_shared() -> None:
    global _shared
    if _shared is not None:
        _shared[0].close()
    _shared = None


def _renew_lock() -> None:
    global _lock
    _lock = fresh_lock(_lock)


call_in_children(_renew_lock)
