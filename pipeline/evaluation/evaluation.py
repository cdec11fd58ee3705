"""The evaluation as an artifact: the report, and what became of every frame."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from PIL import Image

from pipeline.evaluation.metrics.scores import EvaluationError, FrameScore, worst_frames
from pipeline.evaluation.reports.page import report_page
from pipeline.evaluation.reports.report import EvaluationReport
from pipeline.evaluation.verdicts import FrameVerdicts
from pipeline.files import read_json, write_json, write_text
from pipeline.labels.portable_names import portable_paths

REPORT_FILE = "evaluation.json"
VERDICTS_FILE = "frames.jsonl"
FRAMES_FOLDER = "frames"
PAGE_FILE = "report.html"
JPEG_QUALITY = 90
EVALUATE_AGAIN = "Materialize real_evaluation again."


@dataclass(frozen=True)
class Evaluation:
    """The artifact of `real_evaluation`.

    evaluation.json     the report
    frames.jsonl        what became of each box, one frame a line
    frames/             the worst frames, drawn
    report.html         all of it, to look at
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
        text = "".join(f"{frame.model_dump_json()}\n" for frame in verdicts)
        write_text(folder / VERDICTS_FILE, text)
        cls.write_report(folder, report, worst)
        return cls(folder, report)

    @staticmethod
    def write_report(
        folder: Path, report: EvaluationReport, worst: Iterable[tuple[str, Image.Image]]
    ) -> Path:
        """Write all but what became of every box, which takes images in a store; the page."""
        write_json(folder / REPORT_FILE, report.model_dump(mode="json"))
        frames = folder / FRAMES_FOLDER
        frames.mkdir(exist_ok=True)
        shown = []
        scores = {frame.name: frame for frame in report.real.per_frame}
        names = worst_frames(report.real, len(scores))
        for rank, ((stem, drawn), name) in enumerate(zip(worst, names, strict=False)):
            (file,) = portable_paths([f"worst_{rank}_{stem}.jpg"])
            drawn.save(frames / file, quality=JPEG_QUALITY)
            shown.append((f"{FRAMES_FOLDER}/{quote(file)}", _caption(scores[name])))
        page = folder / PAGE_FILE
        write_text(page, report_page(report, shown))
        return page

    @staticmethod
    def is_in(folder: Path) -> bool:
        """Whether a folder looks like an evaluation; `open` says whether it is one."""
        return (folder / REPORT_FILE).is_file()

    @property
    def page(self) -> Path:
        """The report to look at; it is missing in evaluations of before."""
        return self.folder / PAGE_FILE

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


def _caption(frame: FrameScore) -> str:
    return (
        f"{frame.name}: {frame.false_negatives} missed or of another class, "
        f"{frame.false_positives} false, {frame.true_positives} found"
    )


def _no_report(file: Path, why: Exception) -> EvaluationError:
    return EvaluationError(f"{file} is not a report: {why}", EVALUATE_AGAIN)
