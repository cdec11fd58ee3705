"""`outpost evaluate`: a model on labelled frames, whether or not either is in the store."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from assets.graph.evaluation import judgement_of
from detector_runtime import open_detector
from pipeline.errors import OutpostError
from pipeline.evaluation.comparison.champion import Champion
from pipeline.evaluation.comparison.modes import compare_modes
from pipeline.evaluation.evaluation import Evaluation
from pipeline.evaluation.frames import TrueFrame, batch_frames, validation_frames
from pipeline.evaluation.judging import evaluate_model
from pipeline.evaluation.metrics.scores import Judgement
from pipeline.evaluation.reports.report import EvaluationReport
from pipeline.games.pack import GamePack, load_pack
from pipeline.labels.batches import ExportBatch
from pipeline.labels.formats.coco import ReadOptions, read_export
from pipeline.labels.training_set import DATASET_FILE, TrainingSet
from resources.run_log import reporter

RAW_MODELS = (".onnx", ".pt")
"""Files that say nothing of thresholds; a bundle does."""


class EvaluateError(OutpostError):
    """Something that cannot be evaluated, or a folder that is not empty."""


@dataclass(frozen=True)
class EvaluationRequest:
    """What is judged, on what.

    Attributes:
        model: an ONNX file, weights or a bundle.
        data: an export from CVAT or YOLO, a folder of `cvat_export`, or one of `cvat_merge`, whose
            real validation frames are taken.
        game: name or folder of the pack whose classes the labels have.
        out: where the report goes; new or empty.
        against: another model of the game.
        confidence: from which detections of the model count; what its bundle says, or the pack,
            without one.
        modes: whether to run the model in each mode of the runtime as well, which takes longer.
    """

    model: Path
    data: Path
    game: str
    out: Path
    against: Path | None = None
    confidence: float | None = None
    modes: bool = False


def run_evaluation(request: EvaluationRequest) -> tuple[EvaluationReport, Path]:
    """Evaluate a model and write the report; the report and its page.

    Raises:
        EvaluateError: nothing is there by the name of the model or of the data, or the folder for
            the report holds something or cannot be written.
        OutpostError: model or data cannot be read, or do not fit each other.
    """
    named = (request.model, request.data, request.against)
    for missing in (path for path in named if path is not None and not path.exists()):
        raise EvaluateError(f"There is nothing at {missing}.", "Name a file or folder that exists.")
    if request.out.exists() and (not request.out.is_dir() or any(request.out.iterdir())):
        raise EvaluateError(
            f"{request.out} is there already.", "Name a new or empty folder with --out."
        )
    _require_writable(request.out)
    pack, report = load_pack(request.game), reporter()
    judgement = _judgement(request, pack)
    champion = _champion(request.against, pack) if request.against else None
    with _frames(request.data, pack) as frames:
        found = evaluate_model(request.model, frames, judgement, champion, report)
        written = found.report
        if request.modes:
            modes = compare_modes(request.model, frames, judgement, report)
            written = written.model_copy(update={"modes": modes})
        request.out.mkdir(parents=True, exist_ok=True)
        page = Evaluation.write_report(request.out, written, found.worst())
    return written, page


def _require_writable(folder: Path) -> None:
    """Told before anything is judged, which may take long; nothing is left there."""
    try:
        there = next((one for one in (folder, *folder.parents) if one.exists()), folder)
        tempfile.TemporaryFile(dir=there).close()
    except OSError as error:
        raise EvaluateError(
            f"{folder} cannot be written: {error}.",
            "Choose a folder on a disk with room that you may write to.",
        ) from error


def _judgement(request: EvaluationRequest, pack: GamePack) -> Judgement:
    judgement = judgement_of(pack)
    if request.confidence is not None:
        return judgement.at((request.confidence,) * len(pack.class_names))
    if request.model.suffix in RAW_MODELS:
        return judgement
    return _champion(request.model, pack).judgement(judgement)


def _champion(model: Path, pack: GamePack) -> Champion:
    """A model with the thresholds that its bundle says, or those of the pack."""
    if model.suffix in RAW_MODELS:
        rules = pack.thresholds
        return Champion(model.name, model, rules.default, rules.per_class)
    with open_detector(model) as detector:
        thresholds, source = detector.thresholds, detector.source
    # Bundles of one game have one name.
    called = f"{source.name} {source.version}"
    return Champion(called, model, thresholds.default, thresholds.per_class)


@contextmanager
def _frames(data: Path, pack: GamePack) -> Iterator[tuple[TrueFrame, ...]]:
    """The labelled frames of any of the forms; an export is unpacked as long as it is needed."""
    if (data / DATASET_FILE).is_file():
        training_set = TrainingSet.open(data)
        _require_classes(data, training_set.class_names, pack)
        yield validation_frames(training_set, real=True)
    elif ExportBatch.is_in(data):
        export = ExportBatch.open(data)
        _require_classes(data, export.batch.class_names, pack)
        yield batch_frames(export)
    else:
        options = ReadOptions(accept_yolo=True)
        batch = read_export(data, pack.class_names, reporter(), options)
        with tempfile.TemporaryDirectory(prefix="outpost-") as folder:
            yield batch_frames(ExportBatch.write(Path(folder), batch, data))


def _require_classes(data: Path, names: tuple[str, ...], pack: GamePack) -> None:
    if names != pack.class_names:
        raise EvaluateError(
            f"{data} was read for other classes than those of {pack.name}.",
            "Name its game with --game, or give the export itself.",
        )
