"""The kinds of models that are published: how a folder of each is read, opened and tried out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Generic, Literal, Protocol, TypeVar

import numpy as np

from detector_runtime.bundle import MANIFEST_NAME, Bundle, FileDigest, parse_manifest
from detector_runtime.classify.community_model import DESCRIBED as DESCRIBED_COMMUNITY
from detector_runtime.classify.community_model import CommunityModel
from detector_runtime.folders.described import Described
from detector_runtime.images import Frame
from detector_runtime.models.base import Model
from detector_runtime.models.onnx import OnnxOptions
from detector_runtime.policies.policy_model import DESCRIBED as DESCRIBED_POLICIES
from detector_runtime.policies.policy_model import PolicyModel

ReleasedKind = Literal["detector", "community", "policies"]
TRIAL_SIZE = (640, 360)
"""Width and height of the image that a detector is asked about."""


class Closable(Protocol):
    """What a folder of models is opened as."""

    def close(self) -> None:
        """Frees it."""
        ...


Opened = TypeVar("Opened", bound=Closable)


@dataclass(frozen=True)
class TriedModel:
    """A model that was opened as a program would, and has answered; it is closed.

    Attributes:
        title: what it says of itself: name and version.
        classes: that it tells apart, in the order of its answers.
        contents: its files, by name.
        trained_at: None where nothing tells.
    """

    title: str
    classes: tuple[str, ...]
    contents: Mapping[str, bytes]
    trained_at: datetime | None


@dataclass(frozen=True)
class Kind(Generic[Opened]):
    """A kind of models.

    Attributes:
        name: in documents.
        called: for messages: a community model.
        file: with which a folder describes itself.
        files: the digests of the others, as it says; nothing is verified.
        open: opens a folder, verified.
        try_out: opens a folder, verified, and has the model answer something that is made up.
    """

    name: ReleasedKind
    called: str
    file: str
    files: Callable[[Path], Mapping[str, FileDigest]]
    open: Callable[[Path, OnnxOptions], Opened]
    try_out: Callable[[Path], TriedModel]


def try_model(model: Model) -> None:
    """Have a model look at an image, of noise: every part of it has something to compute.

    It is closed afterwards.

    Raises:
        ModelLoadError: it does not give rows.
        ModelOutputError: it gives rows that no detector would give.
    """
    width, height = TRIAL_SIZE
    noise = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    try:
        model.infer([Frame(noise)], 0.0)
    finally:
        model.close()


def own_contents(bundle: Bundle) -> dict[str, bytes]:
    """The files of a bundle as they lie in a folder of models, by name."""
    return {**bundle.contents, MANIFEST_NAME: bundle.manifest.to_json().encode()}


def _files_of_bundle(folder: Path) -> Mapping[str, FileDigest]:
    return parse_manifest((folder / MANIFEST_NAME).read_bytes(), str(folder)).files


def _tried_detector(path: Path) -> TriedModel:
    bundle = Bundle.load(path)
    said = bundle.manifest
    try_model(bundle.open(OnnxOptions(threads=1)))
    trained_at = _time_in(said.lineage.get("trained_at"))
    return TriedModel(f"{said.name} {said.version}", said.classes, own_contents(bundle), trained_at)


def _tried(
    path: Path,
    described: Described[Any],
    load: Callable[[Path, OnnxOptions], Any],
    classes_of: Callable[[Any], tuple[str, ...]],
) -> TriedModel:
    """A model of a kind that tries itself out."""
    model = load(path, OnnxOptions(threads=1))
    said, classes = model.manifest, classes_of(model)
    try:
        model.try_out()
    finally:
        model.close()
    contents = {name: (path / name).read_bytes() for name in (described.file, *said.files)}
    return TriedModel(f"{said.name} {said.version}", classes, contents, said.trained_at)


def _time_in(value: object) -> datetime | None:
    """A moment that a bundle's lineage states; None where it states none."""
    try:
        moment = datetime.fromisoformat(str(value).replace("Z", "+00:00"))
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)


DETECTOR = Kind[Model](
    "detector",
    "a detector",
    MANIFEST_NAME,
    _files_of_bundle,
    lambda path, options: Bundle.load(path).open(options),
    _tried_detector,
)
COMMUNITY = Kind(
    "community",
    "a community model",
    DESCRIBED_COMMUNITY.file,
    lambda folder: DESCRIBED_COMMUNITY.read(folder).files,
    CommunityModel.load,
    lambda path: _tried(
        path, DESCRIBED_COMMUNITY, CommunityModel.load, lambda model: model.icons.facts.classes
    ),
)
POLICIES = Kind(
    "policies",
    "policies",
    DESCRIBED_POLICIES.file,
    lambda folder: DESCRIBED_POLICIES.read(folder).files,
    PolicyModel.load,
    lambda path: _tried(
        path, DESCRIBED_POLICIES, PolicyModel.load, lambda model: model.manifest.goals
    ),
)
KINDS: Mapping[ReleasedKind, Kind[Any]] = {
    kind.name: kind for kind in (DETECTOR, COMMUNITY, POLICIES)
}


def kind_at(path: Path) -> Kind[Any]:
    """Of what kind the model at a path is: by its description, else a detector."""
    return next((kind for kind in KINDS.values() if (path / kind.file).is_file()), DETECTOR)
