"""The evaluation as an artifact: the report, and what became of every frame."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from pipeline.evaluation.metrics.scores import EvaluationError
from pipeline.evaluation.reports.report import EvaluationReport
from pipeline.evaluation.verdicts import FrameVerdicts
from pipeline.files import read_json, write_json, write_text

REPORT_FILE = "evaluation.json"
VERDICTS_FILE = "frames.jsonl"
FRAMES_FOLDER = "frames"
JPEG_QUALITY = 90
EVALUATE_AGAIN = "Materialize real_evaluation again."


@dataclass(frozen=True)
class Evaluation:
    """The artifact of `real_evaluation`.

    evaluation.json     the report
    frames.jsonl        what became of each box, one frame a line
    frames/             the worst frames, drawn
    """

    folder: Path
    report: EvaluationReport

    @classmethod
    def open(cls, folder: Path) -> Evaluation:
        """Read the report; frames are left for later.

        Raises:
            EvaluationError: there is no report, or one of another version.
        """
        return cls(folder, read_json(folder / REPORT_FILE, EvaluationReport, _no_report))

    @classmethod
    def write(
        cls,
        folder: Path,
        report: EvaluationReport,
        verdicts: Iterable[FrameVerdicts],
        worst: Iterable[tuple[str, Image.Image]] = (),
    ) -> Evaluation:
        """Write an evaluation into a folder that exists.

        Args:
            worst: name without suffix and drawing of the frames with most errors, worst first.
        """
        write_json(folder / REPORT_FILE, report.model_dump(mode="json"))
        text = "".join(f"{frame.model_dump_json()}\n" for frame in verdicts)
        write_text(folder / VERDICTS_FILE, text)
        frames = folder / FRAMES_FOLDER
        frames.mkdir(exist_ok=True)
        for rank, (stem, drawn) in enumerate(worst):
            drawn.save(frames / f"worst_{rank}_{stem}.jpg", quality=JPEG_QUALITY)
        return cls(folder, report)

    @staticmethod
    def is_in(folder: Path) -> bool:
        """Whether a folder looks like an evaluation; `open` says whether it is one."""
        return (folder / REPORT_FILE).is_file()

    def verdicts(self) -> tuple[FrameVerdicts, ...]:
        """What became of each box of each frame.

        Raises:
            EvaluationError: it is missing, cut off, or of another version.
        """
        file = self.folder / VERDICTS_FILE
        try:
            lines = file.read_text("utf-8").splitlines()
            verdicts = tuple(FrameVerdicts.model_validate_json(line) for line in lines)
        except (OSError, ValueError) as error:
            raise EvaluationError(f"{file} holds no verdicts: {error}", EVALUATE_AGAIN) from error
        scored = (self.report.real, self.report.synthetic)
        frames = sum(scores.frames for scores in scored if scores is not None)
        if len(verdicts) != frames:
            raise EvaluationError(
                f"{file} has verdicts on {len(verdicts)} of {frames} frames.", EVALUATE_AGAIN
            )
        return verdicts

    def worst(self) -> Sequence[Path]:
        """JPEG files of the worst frames, worst first."""
        return sorted((self.folder / FRAMES_FOLDER).glob("*.jpg"))


def _no_report(file: Path, why: Exception) -> EvaluationError:
    return EvaluationError(f"{file} is not a report: {why}", EVALUATE_AGAIN)
