"""Names what an image shows as a whole: an icon, or the kind of a screen.

A classifier is an ONNX file with one input and two outputs::

    images         float32 [n, 3, height, width]  RGB, 0 to 1; n is free
    probabilities  float32 [n, classes]           each row adds up to 1
    features       float32 [n, any]               of length 1: alike where images are alike

and these entries of its metadata: `classes` (JSON list of names), `input_size` ("height,width"),
`min_confidence` (below it the answer is "I don't know") and `kind` ("icon" or "screen").
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from detector_runtime.errors import ClassifierError, ModelLoadError, ModelOutputError
from detector_runtime.images import Color, ImageLike, load_frame
from detector_runtime.models.onnx import OnnxOptions, metadata_of, model_bytes, open_session
from detector_runtime.system.forks import enrol, fresh_lock, never_free

ClassifierKind = Literal["icon", "screen"]
KINDS: tuple[ClassifierKind, ...] = ("icon", "screen")
INPUT, PROBABILITIES, FEATURES = "images", "probabilities", "features"
CLASSES_KEY, SIZE_KEY, CONFIDENCE_KEY, KIND_KEY = "classes", "input_size", "min_confidence", "kind"
AT_ONCE = 32
"""Images per run: more take more memory and no less time."""
LARGEST_SIDE = 1024
MOST_CLASSES = 100_000
ALTERNATIVES = 3
"""Names that are told beside the best one."""
SUM_TOLERANCE = 1e-2
"""By which the probabilities of an image may miss 1: models of half precision do."""
EXPORT_FIX = "Take a classifier that Outpost exported: icon_classifier.onnx of a community model."


@dataclass(frozen=True)
class Classification:
    """What one image shows.

    Attributes:
        name: None where the classifier does not know.
        confidence: the probability of the most likely name, 0 to 1.
        alternatives: the most likely names with their probabilities, the likeliest first; with the
            one that is `name`.
    """

    name: str | None
    confidence: float
    alternatives: tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class Classifications(Sequence[Classification]):
    """What several images show, as arrays and one by one.

    Attributes:
        classes: the names, in the order of the columns.
        min_confidence: below it a name is None.
        probabilities: float32 [images, classes].
        features: float32 [images, any], each of length 1.
    """

    classes: tuple[str, ...]
    min_confidence: float
    probabilities: NDArray[np.float32]
    features: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.probabilities)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self._one(row) for row in self.probabilities[index]]
        return self._one(self.probabilities[index])

    def __iter__(self) -> Iterator[Classification]:
        return (self._one(row) for row in self.probabilities)

    def _one(self, row: NDArray[np.float32]) -> Classification:
        # A stable sort of the negated: of equal ones the first class wins, everywhere.
        best = np.argsort(-row, kind="stable")[:ALTERNATIVES]
        named = tuple((self.classes[int(index)], float(row[index])) for index in best)
        name, confidence = named[0]
        known = confidence >= self.min_confidence
        return Classification(name if known else None, confidence, named)


@dataclass(frozen=True)
class ClassifierFacts:
    """What a classifier says of itself.

    Attributes:
        kind: of images that it was trained on.
        classes: names in the order of its output.
        input_size: (height, width) in pixels.
        min_confidence: below it nobody should believe the answer, 0 to 1.
        metadata: all entries of the file's metadata, lineage among them.
    """

    kind: ClassifierKind
    classes: tuple[str, ...]
    input_size: tuple[int, int]
    min_confidence: float
    metadata: Mapping[str, str]


class Classifier:
    """One onnxruntime session. Safe to call from several threads.

    A process that is forked later makes a session of its own when it first asks.
    """

    def __init__(self, open_session: Callable[[], Any], name: str) -> None:
        session = open_session()
        self.name = name
        self.facts = _facts(session, name)
        self._session = session
        self._open_session: Callable[[], Any] | None = open_session
        self._lock = threading.Lock()
        enrol(self)

    @classmethod
    def load(
        cls,
        model: Path | str | bytes,
        options: OnnxOptions | None = None,
        *,
        kind: ClassifierKind | None = None,
    ) -> Classifier:
        """Opens a classifier from its file or its bytes.

        Args:
            model: the ONNX file.
            options: threads and spinning, as for a detector; None follows the machine.
            kind: what it must be trained on; None takes any.

        Raises:
            ModelLoadError: absent, damaged or no ONNX model.
            ClassifierError: a model of another layout or kind.
        """
        source = model if isinstance(model, bytes) else Path(model)
        name = "the classifier" if isinstance(source, bytes) else source.name
        content = model_bytes(source, name)
        opened = cls(partial(open_session, content, name, options or OnnxOptions()), name)
        if kind is not None and opened.facts.kind != kind:
            opened.close()
            raise ClassifierError(
                f"{name} tells {opened.facts.kind}s apart, not {kind}s",
                "The two files of a community model were swapped; fetch it again.",
            )
        return opened

    def classify(self, images: Sequence[ImageLike], color: Color = "rgb") -> Classifications:
        """What each image shows.

        Args:
            images: whole icons or screens, of any size.
            color: channel order of arrays.

        Raises:
            ImageError: one of them is no image.
            ModelOutputError: the model gives what is no probability.
        """
        frames = [load_frame(image, color).rgb() for image in images]
        with self._lock:
            answers = [
                self._run(frames[start : start + AT_ONCE])
                for start in range(0, len(frames), AT_ONCE)
            ]
        classes = self.facts.classes
        probabilities = [one for one, _ in answers] or [np.zeros((0, len(classes)), np.float32)]
        features = [one for _, one in answers] or [np.zeros((0, 0), np.float32)]
        return Classifications(
            classes,
            self.facts.min_confidence,
            np.concatenate(probabilities),
            np.concatenate(features),
        )

    def close(self) -> None:
        """Frees the session."""
        with self._lock:
            self._session = self._open_session = None

    def after_fork(self) -> None:
        """Leaves the session to the process that made it: its threads are not here."""
        if self._session is not None:
            never_free(self._session)
        self._session = None
        self._lock = fresh_lock(self._lock)

    def _run(
        self, frames: Sequence[NDArray[np.uint8]]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        if self._open_session is None:
            raise ModelLoadError("the classifier was closed", "Open it again.")
        if self._session is None:
            self._session = self._open_session()
        batch = as_input(frames, self.facts.input_size)
        try:
            probabilities, features = self._session.run([PROBABILITIES, FEATURES], {INPUT: batch})
        except Exception as error:
            raise ClassifierError(
                f"{self.name} cannot take an input of shape {batch.shape}: {error!s:.200}",
                EXPORT_FIX,
            ) from error
        _check_answers(self.name, probabilities, features, (len(batch), len(self.facts.classes)))
        return probabilities, features


def as_input(images: Sequence[NDArray[np.uint8]], size: tuple[int, int]) -> NDArray[np.float32]:
    """Images as a classifier takes them, brought to one size by Pillow's antialiased bilinear.

    Args:
        images: uint8 [height, width, 3], RGB.
        size: (height, width) of the input.

    Returns:
        float32 [images, 3, height, width], 0 to 1.
    """
    batch = np.empty((len(images), 3, *size), np.float32)
    for place, image in zip(batch, images):  # noqa: B905
        place[:] = resized(image, size).transpose(2, 0, 1)
    batch /= np.float32(255)
    return batch


def resized(image: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """An image brought to (height, width); the same array where it has that size."""
    if image.shape[:2] == size:
        return image
    from PIL import Image

    whole = Image.fromarray(np.ascontiguousarray(image))
    return np.asarray(whole.resize((size[1], size[0]), Image.Resampling.BILINEAR))


def _facts(session: Any, name: str) -> ClassifierFacts:
    metadata = metadata_of(session, name)
    classes = _classes(metadata, name)
    size = _size(metadata, name)
    facts = ClassifierFacts(
        kind=_kind(metadata, name),
        classes=classes,
        input_size=size,
        min_confidence=_min_confidence(metadata, name),
        metadata=metadata,
    )
    _check_layout(session, facts, name)
    return facts


def _classes(metadata: Mapping[str, str], name: str) -> tuple[str, ...]:
    try:
        values = json.loads(metadata[CLASSES_KEY])
    except (KeyError, ValueError, RecursionError) as error:
        raise ClassifierError(f"{name} does not say which classes it has", EXPORT_FIX) from error
    is_list = isinstance(values, list) and 0 < len(values) <= MOST_CLASSES
    if not is_list or not all(isinstance(one, str) and one for one in values):
        raise ClassifierError(f"the classes of {name} are not a list of names", EXPORT_FIX)
    if len(set(values)) != len(values):
        raise ClassifierError(f"{name} names a class twice", EXPORT_FIX)
    return tuple(values)


def _size(metadata: Mapping[str, str], name: str) -> tuple[int, int]:
    try:
        height, width = (int(side) for side in metadata[SIZE_KEY][:20].split(","))
    except (KeyError, ValueError) as error:
        raise ClassifierError(f"{name} does not state its input_size", EXPORT_FIX) from error
    if not (0 < height <= LARGEST_SIDE and 0 < width <= LARGEST_SIDE):
        raise ClassifierError(
            f"the input of {name} is {height}x{width}: sides are 1 to {LARGEST_SIDE}", EXPORT_FIX
        )
    return height, width


def _kind(metadata: Mapping[str, str], name: str) -> ClassifierKind:
    kind = next((one for one in KINDS if one == metadata.get(KIND_KEY)), None)
    if kind is None:
        raise ClassifierError(
            f"{name} does not say whether it tells icons or screens apart", EXPORT_FIX
        )
    return kind


def _min_confidence(metadata: Mapping[str, str], name: str) -> float:
    try:
        confidence = float(metadata[CONFIDENCE_KEY][:40])
    except (KeyError, ValueError) as error:
        raise ClassifierError(
            f"{name} does not say from which confidence on it knows", EXPORT_FIX
        ) from error
    # Also not where it is NaN.
    if not 0.0 <= confidence <= 1.0:
        raise ClassifierError(f"min_confidence of {name} is not between 0 and 1", EXPORT_FIX)
    return confidence


def _check_layout(session: Any, facts: ClassifierFacts, name: str) -> None:
    height, width = facts.input_size
    found = {one.name: one for one in (*session.get_inputs(), *session.get_outputs())}
    if {one.name for one in session.get_inputs()} != {INPUT}:
        raise ClassifierError(f"the input of {name} is not '{INPUT}'", EXPORT_FIX)
    wanted: dict[str, tuple[int | None, ...]] = {
        INPUT: (None, 3, height, width),
        PROBABILITIES: (None, len(facts.classes)),
        FEATURES: (None, None),
    }
    for key, shape in wanted.items():
        if key not in found:
            raise ClassifierError(f"{name} has no output '{key}'", EXPORT_FIX)
        if found[key].type != "tensor(float)" or not _fits(found[key].shape, shape):
            raise ClassifierError(
                f"'{key}' of {name} is {found[key].type} {found[key].shape}, not float32 "
                f"{['any' if side is None else side for side in shape]}",
                EXPORT_FIX,
            )


def _fits(declared: Sequence[Any], wanted: Sequence[int | None]) -> bool:
    """Whether a declared shape may be the wanted one; the number of images must be free."""
    if len(declared) != len(wanted) or isinstance(declared[0], int):
        return False
    pairs = zip(declared[1:], wanted[1:])  # noqa: B905
    return all(want is None or not isinstance(side, int) or side == want for side, want in pairs)


def _check_answers(name: str, probabilities: Any, features: Any, shape: tuple[int, int]) -> None:
    if probabilities.shape != shape or features.ndim != 2 or len(features) != shape[0]:
        raise ClassifierError(
            f"{name} answered {shape[0]} images with {probabilities.shape} probabilities and "
            f"{features.shape} features",
            EXPORT_FIX,
        )
    finite = np.isfinite(probabilities).all() and np.isfinite(features).all()
    if not finite or (abs(probabilities.sum(axis=1) - 1) > SUM_TOLERANCE).any():
        raise ModelOutputError(f"{name} gave rows that are no probabilities", EXPORT_FIX)
    if (probabilities < -SUM_TOLERANCE).any():
        raise ModelOutputError(f"{name} gave rows that are no probabilities", EXPORT_FIX)
