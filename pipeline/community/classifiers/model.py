"""A trained classifier as an artifact: what ships, what it was trained on, and how good it is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from pipeline.community.classifiers.answers import ClassifierModelError, ask
from pipeline.community.classifiers.classifier_program.constants import (
    CALIBRATION_FILE,
    ONNX_FILE,
    WEIGHTS_FILE,
)
from pipeline.community.classifiers.comparison import ClassifierGate, compare_classifiers
from pipeline.community.classifiers.dataset import ClassifierData
from pipeline.community.classifiers.job import (
    CLASSIFIER_EVENTS,
    MATERIALIZE,
    ClassifierEpoch,
    ClassifierKind,
    ClassifierSpec,
    read_classifier_job,
)
from pipeline.community.classifiers.manifest import TrainingManifest
from pipeline.community.classifiers.mistakes import mistakes_sheet
from pipeline.community.classifiers.scoring import ClassifierScores, score_answers
from pipeline.files import read_json, write_json
from pipeline.jobs.environment import JobEnvironment
from pipeline.jobs.events import EventError, read_events
from pipeline.jobs.kept import JobFiles, keep_job
from pipeline.jobs.program.constants import EVENTS_FILE, JOB_FILE, OUTPUTS_FOLDER
from pipeline.manifests import Record

LABELS_FILE = "labels.json"
META_FILE = "meta.json"
MANIFEST_FILE = "training_manifest.json"
SCORES_FILE = "evaluation.json"
SHEET_FILE = "mistakes.jpg"
KEPT_FILES = (ONNX_FILE, WEIGHTS_FILE)
"""Of a job's outputs, in the artifact besides those of every job."""


class CalibrationReport(Record):
    """What `calibration.json` of a job says; see `classifier_program.calibration`."""

    temperature: float = Field(gt=0.0)
    min_confidence: float = Field(ge=0.0, le=1.0)
    images: int = Field(ge=0)
    rule: str


class ClassifierMeta(Record):
    """What `meta.json` holds: how a classifier came to be."""

    kind: ClassifierKind
    architecture: str
    input_side: int = Field(description="Pixels; inputs are squares.")
    names: int
    bytes: dict[str, int] = Field(description="Of the model and of its weights, by file name.")
    weights: str = Field(description="What it started from: previous, imagenet or scratch.")
    contributors: int = Field(description="Whose images are used.")
    images: dict[str, int] = Field(description="By subset: train, validation, test.")
    calibration: CalibrationReport
    notes: tuple[str, ...] = Field(description="What was left out and why.")


class ClassifierEvaluation(Record):
    """What `evaluation.json` holds."""

    scores: ClassifierScores
    beside_previous: ClassifierGate | None = Field(
        description="Beside the classifier before it; None for the first, or where no image judges."
    )


@dataclass(frozen=True)
class ClassifierModel(JobFiles):
    """The artifact of `icon_classifier` or `screen_classifier`.

    model.onnx               what the runtime asks; its layout: `detector_runtime.classify`
    weights.safetensors      what the next training starts from
    labels.json              name by index
    meta.json                how it came to be
    training_manifest.json   which images were used
    evaluation.json          how good it is on people from whom it has learned nothing
    mistakes.jpg             its surest mistakes and what it is least sure of, where there are any
    job.json, program.pyz    what was asked, and of which program
    metrics.jsonl, log.txt, environment.json, host.json, lease.json   as of every job
    """

    spec: ClassifierSpec
    meta: ClassifierMeta
    manifest: TrainingManifest
    evaluation: ClassifierEvaluation

    @classmethod
    def open(cls, folder: Path) -> ClassifierModel:
        """Read what `write` wrote.

        Raises:
            ClassifierModelError: a file is missing, damaged, or of another version.
            JobError: its job cannot be read.
        """
        meta = read_json(folder / META_FILE, ClassifierMeta, _damaged)
        for name in (ONNX_FILE, WEIGHTS_FILE, EVENTS_FILE):
            size = (folder / name).stat().st_size if (folder / name).is_file() else None
            if size is None or size != meta.bytes.get(name, size):
                raise ClassifierModelError(
                    f"{folder} holds no whole classifier: {name} is missing or cut off.",
                    MATERIALIZE,
                )
        spec = read_classifier_job(folder / JOB_FILE)
        labels = read_json(folder / LABELS_FILE, dict[str, str], _damaged)
        if labels != _labels(spec.classes):
            raise ClassifierModelError(
                f"{folder / LABELS_FILE} names other classes than the job.", MATERIALIZE
            )
        return cls(
            folder,
            spec,
            meta,
            read_json(folder / MANIFEST_FILE, TrainingManifest, _damaged),
            read_json(folder / SCORES_FILE, ClassifierEvaluation, _damaged),
        )

    @classmethod
    def write(
        cls,
        folder: Path,
        job: Path,
        data: ClassifierData,
        previous: ClassifierModel | None = None,
    ) -> ClassifierModel:
        """Fill an empty folder with what the job in another one has made, and judge it.

        Args:
            job: the job's folder; it stays as it is.
            data: what it was trained on.
            previous: the classifier to compare it with.

        Raises:
            ClassifierModelError: the model does not load or has other classes than were asked for.
        """
        outputs, spec = job / OUTPUTS_FOLDER, read_classifier_job(job / JOB_FILE)
        keep_job(folder, job, KEPT_FILES)
        write_json(folder / LABELS_FILE, _labels(spec.classes))
        meta = _meta_of(spec, outputs, data)
        write_json(folder / META_FILE, meta.model_dump(mode="json"))
        manifest = _manifest_of(data)
        if previous is not None and meta.weights == "previous":
            manifest = manifest.after(previous.manifest)
        write_json(folder / MANIFEST_FILE, manifest.model_dump(mode="json"))
        rows = _rows_that_judge(data, manifest)
        evaluation, sheet = _evaluate(folder / ONNX_FILE, spec, (data, rows), previous)
        write_json(folder / SCORES_FILE, evaluation.model_dump(mode="json"))
        if sheet is not None:
            (folder / SHEET_FILE).write_bytes(sheet)
        return cls(folder, spec, meta, manifest, evaluation)

    @property
    def onnx(self) -> Path:
        """The model that ships."""
        return self.folder / ONNX_FILE

    @property
    def weights(self) -> Path:
        """What the next training starts from."""
        return self.folder / WEIGHTS_FILE

    @property
    def meta_file(self) -> Path:
        """The JSON of how it came to be."""
        return self.folder / META_FILE

    @property
    def manifest_file(self) -> Path:
        """The JSON of which images were used."""
        return self.folder / MANIFEST_FILE

    @property
    def sheet(self) -> bytes | None:
        """Mistakes and doubts as a JPEG; None where there are none."""
        file = self.folder / SHEET_FILE
        return file.read_bytes() if file.is_file() else None

    def epochs(self) -> tuple[ClassifierEpoch, ...]:
        """Every finished epoch; of one that was told twice, what was told last.

        Raises:
            ClassifierModelError: the events cannot be read.
        """
        try:
            events = read_events(self.folder / EVENTS_FILE, CLASSIFIER_EVENTS)
        except (OSError, EventError) as error:
            raise _damaged(self.folder / EVENTS_FILE, error) from error
        found = {
            (event.stage, event.epoch): event
            for event in events
            if isinstance(event, ClassifierEpoch)
        }
        return tuple(found.values())


def _labels(classes: Sequence[str]) -> dict[str, str]:
    return {str(index): name for index, name in enumerate(classes)}


def _meta_of(spec: ClassifierSpec, outputs: Path, data: ClassifierData) -> ClassifierMeta:
    environment = JobEnvironment.of(outputs)
    told = environment.model_dump() if environment else {}
    examples = data.selection.examples
    sides = Counter(side for side in data.selection.split.subsets if side)
    return ClassifierMeta(
        kind=spec.kind,
        architecture=spec.architecture,
        input_side=spec.input_side,
        names=len(spec.classes),
        bytes={name: (outputs / name).stat().st_size for name in (ONNX_FILE, WEIGHTS_FILE)},
        weights=str(told.get("weights", "unknown")),
        contributors=len({who for one in examples for who in one.contributors}),
        images={side: sides[side] for side in ("train", "validation", "test")},
        calibration=read_json(outputs / CALIBRATION_FILE, CalibrationReport, _damaged),
        notes=tuple(data.selection.notes()),
    )


def _manifest_of(data: ClassifierData) -> TrainingManifest:
    pairs = list(zip(data.selection.examples, data.selection.split.subsets, strict=True))
    return TrainingManifest(
        images={one.sha256: one.label for one, _ in pairs if one.contributors},
        trained=tuple(sorted(one.sha256 for one, side in pairs if side in LEARNED)),
    )


LEARNED = ("train", "validation")
"""Subsets from which a classifier has learned something, if only when to stop."""


def _rows_that_judge(data: ClassifierData, manifest: TrainingManifest) -> NDArray[np.int64]:
    """Indices of the images that judge, without those that the weights before it had learned from:
    contributors change sides now and then."""
    learned, examples = set(manifest.trained), data.selection.examples
    rows = [row for row in data.rows("test") if examples[row].sha256 not in learned]
    return np.array(rows, dtype=np.int64)


def _evaluate(
    model: Path,
    spec: ClassifierSpec,
    judging: tuple[ClassifierData, NDArray[np.int64]],
    previous: ClassifierModel | None,
) -> tuple[ClassifierEvaluation, bytes | None]:
    """How good it is, alone and beside the one before it, and the sheet of its mistakes."""
    data, rows = judging
    examples = [data.selection.examples[row] for row in rows]
    answers = ask(model, data.pixels[rows])
    if answers.classes != spec.classes:
        raise ClassifierModelError(f"{model} has other classes than its job.", MATERIALIZE)
    trained_on = Counter(
        one.label
        for one, side in zip(data.selection.examples, data.selection.split.subsets, strict=True)
        if side == "train"
    )
    scores = score_answers(answers, examples, data.is_new_group()[rows], trained_on)
    gate = None
    if previous is not None:
        seen = set(previous.manifest.trained)
        fair = [place for place, one in enumerate(examples) if one.sha256 not in seen]
        if fair:
            before = ask(previous.onnx, data.pixels[rows][fair])
            chosen = [examples[place] for place in fair]
            gate = compare_classifiers(answers.of(fair), before, chosen)
    images = {one.sha256: data.pixels[row] for one, row in zip(examples, rows, strict=True)}
    evaluation = ClassifierEvaluation(scores=scores, beside_previous=gate)
    return evaluation, mistakes_sheet(scores, images)


def _damaged(file: Path, why: Exception) -> ClassifierModelError:
    return ClassifierModelError(f"{file} cannot be read: {why}", MATERIALIZE)
