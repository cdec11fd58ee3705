"""Whether the exported model answers as the weights do, on real images."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from detector_runtime.geometry.letterbox import PAD
from detector_runtime.images import upright
from PIL import Image, ImageOps
from pydantic import ConfigDict, Field

from pipeline.errors import OutpostError
from pipeline.export.contract import input_size, open_session
from pipeline.manifests import Record
from pipeline.processes import without_secrets

Rows = npt.NDArray[np.float32]
"""[n, 6] of x1, y1, x2, y2 in pixels of the model's input, score, class."""

REFERENCE = Path(__file__).with_name("torch_reference.py")
SCORE_FLOOR = 0.05
"""Rows below it are noise that the runtime drops; their order may differ."""
LEAST_COMPARED = 10
"""Rows of an image that are compared even when all of them score below the floor."""
LEAST_SCORE = 1e-6
"""Rows below it are padding."""
MAX_BOX_PIXELS = 0.5
MAX_SCORE_DIFFERENCE = 0.01
TIMEOUT_SECONDS = 600


class ParityError(OutpostError):
    """An export that answers otherwise than its weights, or that could not be compared."""


class ParityReport(Record):
    """How far an export is from its weights."""

    model_config = ConfigDict(populate_by_name=True, serialize_by_alias=True)

    images: int = Field(alias="pictures", description="Its key in files is older.")
    detections: int = Field(description="Rows of the weights above the score floor.")
    matched: int = Field(description="Of them, found in the export with the same class.")
    unmatched: int = Field(description="Clear of the score floor, on either side alone.")
    max_box_pixels: float = Field(description="Largest difference of a matched box's edge.")
    max_score_difference: float

    @property
    def is_close(self) -> bool:
        """Whether a user could not tell the two apart."""
        return (
            self.matched > 0
            and self.unmatched == 0
            and self.max_box_pixels <= MAX_BOX_PIXELS
            and self.max_score_difference <= MAX_SCORE_DIFFERENCE
        )


@dataclass(frozen=True, eq=False)
class Answers:
    """What weights and export find in the same images.

    Attributes:
        inputs: float32 [n, 3, height, width] in 0..1, RGB.
        weights, export: rows of each image.
    """

    inputs: Rows
    weights: Sequence[Rows]
    export: Sequence[Rows]


def answers_of(weights: Path, onnx: Path, images: Sequence[Path]) -> Answers:
    """Run weights and export on the same input.

    Args:
        weights: the checkpoint, run by torch in a process of its own.
        onnx: the export.
        images: real frames; each is letterboxed to the input.

    Raises:
        ParityError: the weights could not be run.
    """
    session = open_session(onnx)
    model_input = session.get_inputs()[0]
    metadata = session.get_modelmeta().custom_metadata_map
    height, width = input_size(onnx, metadata, model_input.shape)
    batch = np.stack([_letterboxed(image, height, width) for image in images])
    exported = [session.run(None, {model_input.name: item[None]})[0][0] for item in batch]
    return Answers(batch, _reference_rows(weights, batch), exported)


def require_parity(report: ParityReport) -> None:
    """Refuse an export that differs from its weights.

    Raises:
        ParityError: it does.
    """
    if report.is_close:
        return
    if report.matched == 0 and report.unmatched == 0:
        raise ParityError(
            f"On {report.images} images neither weights nor export find anything.",
            "Train longer and look at the curves of trained_weights: it has learned nothing.",
        )
    raise ParityError(
        f"The export differs from its weights: boxes by up to {report.max_box_pixels:.2f} px, "
        f"scores by up to {report.max_score_difference:.3f}, {report.unmatched} of "
        f"{report.detections} detections on one side alone.",
        "Export again with simplify off; if it stays, report it with parity.json and the versions "
        "in environment.json.",
    )


def compare(reference: Sequence[Rows], exported: Sequence[Rows]) -> ParityReport:
    """Compare the rows of every image; each row is matched at most once."""
    pairs, unmatched, detections = [], 0, 0
    for expected, found in zip(reference, exported, strict=True):
        floor = _floor(expected)
        expected, found = (rows[rows[:, 4] >= floor] for rows in (expected, found))
        matches = _matches(expected, found)
        pairs += [(expected[i], found[j]) for i, j in matches]
        detections += len(expected)
        unmatched += _clear_and_alone(expected, [i for i, _ in matches], floor)
        unmatched += _clear_and_alone(found, [j for _, j in matches], floor)
    boxes = [float(np.abs(a[:4] - b[:4]).max()) for a, b in pairs]
    scores = [float(abs(a[4] - b[4])) for a, b in pairs]
    return ParityReport(
        images=len(reference),
        detections=detections,
        matched=len(pairs),
        unmatched=unmatched,
        max_box_pixels=round(max(boxes, default=0.0), 4),
        max_score_difference=round(max(scores, default=0.0), 5),
    )


def _matches(expected: Rows, found: Rows) -> list[tuple[int, int]]:
    """Pairs of one class, nearest boxes first."""
    if not len(expected) or not len(found):
        return []
    distance = np.abs(expected[:, None, :4] - found[None, :, :4]).max(axis=2)
    distance += np.abs(expected[:, None, 4] - found[None, :, 4])
    distance[expected[:, None, 5] != found[None, :, 5]] = np.inf
    pairs: list[tuple[int, int]] = []
    for flat in np.argsort(distance, axis=None, kind="stable"):
        i, j = divmod(int(flat), len(found))
        if not np.isfinite(distance[i, j]) or distance[i, j] > 10 * MAX_BOX_PIXELS:
            break
        if all(i != a and j != b for a, b in pairs):
            pairs.append((i, j))
    return pairs


def _floor(expected: Rows) -> float:
    """The score from which rows are compared.

    A model that is hardly trained sees nothing above the usual floor; its best rows are compared
    all the same, so that an agreement about nothing is never taken for parity.
    """
    scores = np.sort(expected[:, 4])[::-1][:LEAST_COMPARED]
    if len(scores) and scores[0] < SCORE_FLOOR:
        return max(float(scores[-1]), LEAST_SCORE)
    return SCORE_FLOOR


def _clear_and_alone(rows: Rows, matched: list[int], floor: float) -> int:
    """Unmatched rows whose score is not merely on the floor."""
    alone = np.ones(len(rows), bool)
    alone[matched] = False
    return int((alone & (rows[:, 4] > floor + MAX_SCORE_DIFFERENCE)).sum())


def _reference_rows(weights: Path, batch: Rows) -> list[Rows]:
    """What torch finds: rows of each image of a batch, float32 [n, 3, height, width] in 0..1."""
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "in.npy", Path(folder) / "out.npy"
        np.save(source, batch)
        try:
            subprocess.run(
                [sys.executable, str(REFERENCE), str(weights), str(source), str(target)],
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                env={**without_secrets(os.environ), "PYTHONUTF8": "1"},
                timeout=TIMEOUT_SECONDS,
                check=True,
            )
        except subprocess.TimeoutExpired as error:
            raise ParityError(
                f"The weights {weights} were not run on {len(batch)} images within "
                f"{TIMEOUT_SECONDS} s.",
                "Run it again while nothing else keeps this computer busy.",
            ) from error
        except subprocess.CalledProcessError as error:
            raise ParityError(
                f"The weights {weights} could not be run:\n{error.stderr[-2000:]}",
                "Check that best.pt is whole and that ultralytics is the version that trained it.",
            ) from error
        return list(np.load(target))


def _letterboxed(file: Path, height: int, width: int) -> Rows:
    """float32 [3, height, width] in 0..1, padded with the grey that training pads with."""
    with Image.open(file) as image:
        padded = ImageOps.pad(upright(image).convert("RGB"), (width, height), color=(PAD,) * 3)
    return np.ascontiguousarray(np.asarray(padded).transpose(2, 0, 1), np.float32) / np.float32(255)
