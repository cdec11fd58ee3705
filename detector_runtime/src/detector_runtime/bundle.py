"""A bundle: a model with everything that is needed to use and to audit it.

A bundle is a folder, or a zip of its content, with `bundle.json` and the files that it names::

    bundle.json     this module's `BundleManifest`
    model.onnx

A wheel can carry a bundle. It holds a package with the bundle's files beside its `__init__.py`, and
announces that package under the entry point group `detector_runtime.bundles`::

    [project.entry-points."detector_runtime.bundles"]
    my-game = "my_game_detector"
"""

from __future__ import annotations

import hashlib
import json
import re
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    ValidationError,
    field_validator,
    model_validator,
)

from detector_runtime._version import __version__
from detector_runtime.errors import BundleError, DetectorError
from detector_runtime.models.base import LARGEST_SCALE, SMALLEST_SCALE, Preprocess, TrainedOn
from detector_runtime.models.onnx import ModelCard, OnnxModel, OnnxOptions, load_onnx
from detector_runtime.owners.head import OwnerHead
from detector_runtime.results import ModelSource
from detector_runtime.thresholds import DEFAULT_CONFIDENCE, Thresholds

MANIFEST_NAME = "bundle.json"
ENTRY_POINT_GROUP = "detector_runtime.bundles"
SCHEMA_VERSION = 1
LARGEST_FILE = 2 << 30
LARGEST_MANIFEST = 4 << 20

Score = Annotated[float, Field(ge=0.0, le=1.0)]
Version = Annotated[str, Field(max_length=100, pattern=r"^[0-9]+(\.[0-9]+)*([a-z0-9.+-]*)$")]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class FileDigest(_Part):
    """What a file of the bundle must be."""

    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    size: int = Field(ge=0, le=LARGEST_FILE, description="Bytes.")


class IoContract(_Part):
    """What the model takes and gives."""

    input_name: str = "images"
    input_size: tuple[int, int] = Field(description="Width and height in pixels of training.")
    preprocess: Preprocess = Field(
        "letterbox", description="How frames were brought to that size in training."
    )
    color: Literal["rgb", "bgr"] = Field("rgb", description="Channel order of the input.")
    output_shape: tuple[int, Literal[6]] = Field(
        (300, 6), description="Rows per image: x1, y1, x2, y2, score, class, in input pixels."
    )
    trained_on: TrainedOn = Field(
        "frame", description="Whole frames, or tiles of frames at their own scale."
    )
    scale: float | None = Field(
        None,
        ge=SMALLEST_SCALE,
        le=LARGEST_SCALE,
        description="Of a model of tiles: input pixels per frame pixel. Frames are then looked at "
        "at this scale, whole where the input is free, else in tiles. None says nothing of it, and "
        "frames are looked at whole, shrunk to the input.",
    )


class ThresholdTable(_Part):
    """From which score on a detection counts."""

    default: Score = DEFAULT_CONFIDENCE
    per_class: dict[str, Score] = {}


class Interval(_Part):
    """A measured value with its 95 % confidence interval."""

    value: Score
    low: Score
    high: Score


class BundleMetrics(_Part):
    """How good the model was found to be on real frames."""

    real_micro_f1: Interval
    real_precision: Score | None = None
    real_recall: Score | None = None
    real_images: int | None = Field(None, ge=0, description="Frames that were scored.")


class BundleManifest(_Part):
    """The content of `bundle.json`."""

    schema_version: Literal[1] = 1
    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    version: str = Field(min_length=1)
    model: str = Field("model.onnx", description="Which of the files is the model.")
    files: dict[str, FileDigest]
    io: IoContract
    classes: tuple[str, ...] = Field(min_length=1, description="In the order of the output.")
    thresholds: ThresholdTable = ThresholdTable()
    lineage: dict[str, JsonValue] = Field(
        {}, description="Where it came from: game, data versions, code version, run id."
    )
    metrics: BundleMetrics | None = Field(None, description="None when it was never evaluated.")
    owner_head: str | None = Field(
        None, description="Which of the files tells whose things are; None where none does."
    )
    min_runtime: Version = Field("0.1.0", description="Oldest detector_runtime that reads it.")

    @field_validator("files")
    @classmethod
    def _plain_names(cls, files: dict[str, FileDigest]) -> dict[str, FileDigest]:
        for name in files:
            path = PurePosixPath(name)
            if path.is_absolute() or ".." in path.parts or "\\" in name or ":" in name:
                raise ValueError(f"'{name}' leads out of the bundle")
        return files

    @model_validator(mode="after")
    def _consistent(self) -> BundleManifest:
        if self.model not in self.files:
            raise ValueError(f"files does not list the model '{self.model}'")
        if self.owner_head is not None and self.owner_head not in self.files:
            raise ValueError(f"files does not list the owner head '{self.owner_head}'")
        if len(set(self.classes)) != len(self.classes):
            raise ValueError("classes names one class twice")
        if self.io.scale is not None and self.io.trained_on != "tile":
            raise ValueError("a scale is that of tiles: trained_on must be 'tile'")
        if self.io.scale is not None and self.io.preprocess != "letterbox":
            raise ValueError("stretched frames have no one scale: preprocess must be 'letterbox'")
        unknown = sorted(set(self.thresholds.per_class) - set(self.classes))
        if unknown:
            raise ValueError(f"thresholds for unknown classes: {', '.join(unknown)}")
        return self

    def to_json(self) -> str:
        """The text of `bundle.json`: sorted keys, newline at the end, the same everywhere."""
        values = self.model_dump(mode="json")
        if self.io.scale is None:
            # Runtimes of before know no such key, and need none for such a model.
            del values["io"]["scale"]
        if self.owner_head is None:
            del values["owner_head"]
        return json.dumps(values, indent=2, sort_keys=True) + "\n"


@dataclass(frozen=True)
class Bundle:
    """A verified bundle: its manifest and the bytes of its files."""

    manifest: BundleManifest
    contents: dict[str, bytes]

    @classmethod
    def load(cls, path: Path | str) -> Bundle:
        """Reads a bundle from a folder or a zip and verifies every file that it names.

        Raises:
            BundleError: incomplete, altered, unreadable, or made for a newer runtime.
        """
        path = Path(path)
        if path.is_dir():
            return cls._read(
                str(path),
                lambda name: _size_of(path / name),
                lambda name: (path / name).read_bytes(),
            )
        if not path.is_file():
            raise BundleError(f"there is no bundle at {path}", "Check the path.")
        try:
            with zipfile.ZipFile(path) as archive:
                sizes = {entry.filename: entry.file_size for entry in archive.infolist()}
                return cls._read(str(path), sizes.get, archive.read)
        except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError) as error:
            raise BundleError(
                f"{path} is not a readable zip: {error}", "Fetch it again."
            ) from error

    def open(self, options: OnnxOptions | None = None) -> OnnxModel:
        """The bundle's model, checked against the manifest.

        Raises:
            BundleError: input, output or classes of the model differ from the manifest.
            ModelLoadError: the model cannot be opened.
        """
        manifest = self.manifest
        card = ModelCard(
            source=ModelSource("bundle", manifest.name, manifest.version),
            class_names=manifest.classes,
            input_size=manifest.io.input_size,
            preprocess=manifest.io.preprocess,
            color=manifest.io.color,
            thresholds=Thresholds(manifest.thresholds.default, manifest.thresholds.per_class),
            # "frame" is also what bundles say that do not know: then the model may know it.
            trained_on="tile" if manifest.io.trained_on == "tile" else None,
            scale=manifest.io.scale,
        )
        content = self.contents[manifest.model]
        model = load_onnx(content, card, options or OnnxOptions())
        _check_contract(manifest, model)
        if manifest.owner_head is not None:
            model.facts = replace(model.facts, owner_head=self._owner_head(manifest.owner_head))
        return model

    def _owner_head(self, name: str) -> OwnerHead:
        from detector_runtime.owners.head_file import read_head

        head = read_head(self.contents[name], name)
        if head.class_names != self.manifest.classes:
            raise BundleError(
                f"{name} in bundle {self.manifest.name} knows other classes than the model",
                "The bundle was put together wrongly; build it again.",
            )
        return head

    @classmethod
    def _read(
        cls, where: str, size_of: Callable[[str], int | None], read: Callable[[str], bytes]
    ) -> Bundle:
        # Sizes come before anything is read or unpacked: a zip can claim to hold terabytes.
        _check_size(MANIFEST_NAME, where, size_of(MANIFEST_NAME), LARGEST_MANIFEST)
        manifest = parse_manifest(read(MANIFEST_NAME), where)
        contents = {}
        for name, expected in manifest.files.items():
            _check_size(name, where, size_of(name), expected.size)
            content = read(name)
            if hashlib.sha256(content).hexdigest() != expected.sha256:
                raise BundleError(
                    f"{name} in {where} is not the file that the bundle was made with",
                    "It was altered or damaged after the bundle was built; fetch the bundle again.",
                )
            contents[name] = content
        return cls(manifest, contents)


def is_bundle(path: Path) -> bool:
    """Whether this is a folder or a zip with a `bundle.json`."""
    if path.is_dir():
        return (path / MANIFEST_NAME).is_file()
    if path.suffix != ".zip" or not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return MANIFEST_NAME in archive.namelist()


def installed_bundles() -> dict[str, Path]:
    """Bundles that installed packages carry: name of the entry point and folder.

    Raises:
        BundleError: a package announces a bundle and holds none.
    """
    import importlib.util
    from importlib.metadata import entry_points

    found = {}
    for point in entry_points(group=ENTRY_POINT_GROUP):
        spec = importlib.util.find_spec(point.value)
        folders = [Path(place) for place in (spec.submodule_search_locations or [])] if spec else []
        holding = [folder for folder in folders if is_bundle(folder)]
        if not holding:
            raise BundleError(
                f"the installed package '{point.value}' announces a bundle but holds none",
                "Install it again, from a wheel and not from a zip import path.",
            )
        found[point.name] = holding[0]
    return found


def parse_manifest(content: bytes, name: str) -> BundleManifest:
    """The manifest in the bytes of a `bundle.json`; `name` is for messages.

    Raises:
        BundleError: no JSON, not this schema, or made for a newer runtime.
    """
    try:
        values: Any = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise BundleError(
            f"{MANIFEST_NAME} in {name} is not JSON: {error}", "Fetch the bundle again."
        ) from error
    _check_age(values, name)
    try:
        return BundleManifest.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the whole"
        raise BundleError(
            f"{MANIFEST_NAME} in {name} is not valid: {where}: {first['msg']}",
            "Build the bundle again with a current Outpost.",
        ) from error


def _check_age(values: Any, name: str) -> None:
    """Before anything else: a manifest from the future may look different in every other way."""
    if not isinstance(values, dict):
        raise BundleError(f"{MANIFEST_NAME} in {name} is not an object", "Fetch the bundle again.")
    schema, needed = values.get("schema_version"), values.get("min_runtime")
    check_runtime(name, schema, SCHEMA_VERSION, needed, BundleError)


def _check_contract(manifest: BundleManifest, model: OnnxModel) -> None:
    facts, problems = model.facts, []
    if model.input_name != manifest.io.input_name:
        problems.append(f"input '{model.input_name}', not '{manifest.io.input_name}'")
    if not model.has_free_size and facts.input_size != manifest.io.input_size:
        problems.append(f"input {facts.input_size}, not {manifest.io.input_size}")
    if facts.max_rows not in (None, manifest.io.output_shape[0]):
        problems.append(f"{facts.max_rows} rows, not {manifest.io.output_shape[0]}")
    if problems:
        raise BundleError(
            f"the model in bundle {manifest.name} differs from its manifest: {'; '.join(problems)}",
            "The bundle was put together wrongly; build it again.",
        )


def check_runtime(
    where: str, schema: object, known_schema: int, min_runtime: object, kind: type[DetectorError]
) -> None:
    """Refuse what was made for a newer runtime than this one. Nothing of it was verified yet.

    Args:
        where: for messages: its path or address.
        schema: the version of its schema, as found.
        known_schema: the latest that is known here.
        min_runtime: the oldest runtime that it names, as found.
        kind: of the error.

    Raises:
        DetectorError: of this kind; this runtime is too old.
    """
    text = min_runtime if isinstance(min_runtime, str) else ""
    has_newer_schema = isinstance(schema, int) and schema > known_schema
    if has_newer_schema or _version_key(text) > _version_key(__version__):
        plain = text if re.fullmatch(r"[A-Za-z0-9.+-]{1,40}", text) else "of a newer kind"
        raise kind(
            f"{where} needs detector_runtime {plain}, this is {__version__}",
            "pip install --upgrade detector-runtime",
        )


def _version_key(version: str) -> tuple[int, ...]:
    # Python refuses to read a number of thousands of digits, which anybody could write there.
    return tuple(int(number[:9]) for number in re.findall(r"[0-9]+", version)[:3])


def _size_of(file: Path) -> int | None:
    return file.stat().st_size if file.is_file() else None


def _check_size(name: str, where: str, found: int | None, expected: int) -> None:
    """Refuses a file that is not there (None), or not of the size that is known or allowed."""
    if found is None:
        raise BundleError(f"{where} has no {name}", "The bundle is incomplete; fetch it again.")
    if found > expected or (name != MANIFEST_NAME and found != expected):
        raise BundleError(
            f"{name} in {where} has {found} bytes, not {expected}",
            "The bundle is truncated or altered; fetch it again.",
        )
