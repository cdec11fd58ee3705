"""A report as Markdown: the figure of record, both domains side by side, the classes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from math import isfinite

from pipeline.evaluation.metrics.breakdowns import SIZES
from pipeline.evaluation.metrics.intervals import Interval
from pipeline.evaluation.metrics.scores import Scores
from pipeline.evaluation.reports.report import EvaluationReport

NAMED_SESSIONS = 3
"""Of a fold; the others are counted."""


def markdown(report: EvaluationReport) -> str:
    """The report as Markdown: the figure of record, both domains side by side, the classes."""
    parts = (
        _domain_lines(report),
        _truncated_lines(report),
        _champion_lines(report),
        _mode_lines(report),
        _error_lines(report.real),
        _convention_lines(report),
        _class_lines(report.real),
        _group_lines(report.real),
        _size_lines(report.real),
        _fold_lines(report.real),
        _threshold_lines(report),
    )
    return "\n\n".join(text for text in ("\n".join(lines) for lines in parts) if text)


def _domain_lines(report: EvaluationReport) -> Iterator[str]:
    real = report.real
    interval = f"{real.micro_f1_interval} {real.interval_basis}"
    yield f"**Real micro-F1 {_figure(real.micro.f1)}** ({interval})"
    yield ""
    yield (
        "| frames | number | objects | precision | recall | micro-F1 | 95% | macro-F1 | AP50 "
        "| AP50-95 |"
    )
    yield "|---|---:|---:|---:|---:|---:|---|---:|---:|---:|"
    yield _domain_line("real", report.real)
    if report.synthetic is not None:
        yield _domain_line("synthetic", report.synthetic)
        yield ""
        yield f"Gap from synthetic to real: {_figure(report.gap)}"


def _truncated_lines(report: EvaluationReport) -> Iterator[str]:
    """Where a model has no more rows, what comes after them is neither found nor false."""
    for domain, scores in (("real", report.real), ("synthetic", report.synthetic)):
        if scores is not None and scores.truncated_frames:
            yield (
                f"In {scores.truncated_frames} of {scores.frames} {domain} "
                f"frame{'s' * (scores.frames != 1)} the model gave all the detections that it can. "
                "Average precision knows nothing of weaker ones there; the F1 lacks some only "
                "where all of them count."
            )


def _domain_line(domain: str, scores: Scores) -> str:
    micro = scores.micro
    return _row(
        domain,
        scores.frames,
        scores.truths,
        *(micro.precision, micro.recall, micro.f1, scores.micro_f1_interval),
        scores.macro_f1,
        scores.map50,
        scores.map50_95,
    )


def _champion_lines(report: EvaluationReport) -> Iterator[str]:
    if report.champion is None:
        return
    comparison = report.champion.comparison
    version = _literal(report.champion.version)
    frames = f"{comparison.frames} real frame{'s' * (comparison.frames != 1)}"
    yield (f"Beside {version}, on the same {frames}: **{comparison.verdict}**, by micro-F1")
    yield ""
    yield f"| figure | this model | {version} | difference |"
    yield "|---|---:|---:|---|"
    for one in comparison.differences:
        yield _row(one.figure, one.new, one.old, one.explanation)


def _error_lines(scores: Scores) -> Iterator[str]:
    if not scores.errors:
        return
    yield (
        f"Of {scores.detections} detections and {scores.truths} objects at these thresholds; an "
        "object that a detection of the wrong class or place lies on is not missed as well:"
    )
    yield ""
    yield f"| {' | '.join(scores.errors)} |"
    yield "|" + "---:|" * len(scores.errors)
    yield _row(*scores.errors.values())


def _convention_lines(report: EvaluationReport) -> Iterator[str]:
    if not report.conventions:
        return
    yield "The same synthetic frames and detections, by what of an object its box holds:"
    yield ""
    yield "| box | objects | precision | recall | micro-F1 | 95% | mAP50 |"
    yield "|---|---:|---:|---:|---:|---|---:|"
    for one in report.conventions:
        figures = (one.micro.precision, one.micro.recall, one.micro.f1, one.micro_f1_interval)
        yield _row(one.box, one.truths, *figures, one.map50)


def _class_lines(scores: Scores) -> Iterator[str]:
    yield (
        "| class | from score | objects | found | false | precision | recall | 95% | F1 | AP50 "
        "| AP50-95 |"
    )
    yield "|---|---:|---:|---:|---:|---:|---:|---|---:|---:|---:|"
    for one in scores.per_class:
        name = one.name if one.enough_truths else f"{one.name} (too few to tell)"
        score = one.score
        counts = (one.truths, score.true_positives, score.false_positives)
        interval = one.recall_interval if one.truths else None
        figures = (score.precision, score.recall, interval, score.f1)
        yield _row(name, f"{one.threshold:g}", *counts, *figures, one.ap50, one.ap50_95)


def _group_lines(scores: Scores) -> Iterator[str]:
    if not scores.groups:
        return
    yield "| group | objects | found | false | precision | recall | F1 |"
    yield "|---|---:|---:|---:|---:|---:|---:|"
    for one in scores.groups:
        score = one.score
        counts = (one.truths, score.true_positives, score.false_positives)
        yield _row(one.name, *counts, score.precision, score.recall, score.f1)


def _size_lines(scores: Scores) -> Iterator[str]:
    if not scores.sizes:
        return
    yield "| size | side in pixels | objects | found | recall | 95% |"
    yield "|---|---|---:|---:|---:|---|"
    for one, (_, low, high) in zip(scores.sizes, SIZES, strict=True):
        sides = f"{low:g} to {high:g}" if isfinite(high) else f"{low:g} and more"
        interval = one.recall_interval if one.truths else None
        yield _row(one.name, sides, one.truths, one.found, one.recall, interval)


def _fold_lines(scores: Scores) -> Iterator[str]:
    if not scores.folds:
        return
    yield "The sessions dealt into folds, each judged by itself:"
    yield ""
    yield "| sessions | frames | objects | precision | recall | micro-F1 |"
    yield "|---|---:|---:|---:|---:|---:|"
    for one in scores.folds:
        score = one.score
        figures = (score.precision, score.recall, score.f1)
        yield _row(_few(one.sessions), one.frames, one.truths, *figures)


def _few(names: Sequence[str]) -> str:
    more = len(names) - NAMED_SESSIONS
    return ", ".join(names[:NAMED_SESSIONS]) + (f" and {more} more" if more > 0 else "")


def _mode_lines(report: EvaluationReport) -> Iterator[str]:
    if not report.modes:
        return
    yield (
        "The same frames in each mode of the runtime, beside the one that ships. AP50 is of the "
        "detections that count; the time is a frame's, without reading its file."
    )
    yield ""
    yield "| mode | micro-F1 | AP50 | ms | times | beside the first |"
    yield "|---|---:|---:|---:|---:|---|"
    for one in report.modes:
        compared = one.beside_shipped
        verdict = compared.of_record.explanation if compared else "ships"
        yield _row(one.name, one.f1, one.ap50, f"{one.ms:.1f}", f"{one.times:.2f}", verdict)


def _threshold_lines(report: EvaluationReport) -> Iterator[str]:
    justified = [one for one in report.fitted_thresholds if one.is_justified]
    if not justified:
        return
    yield (
        "These classes would score better from another confidence on. The F1 is cross-fitted: each "
        "session at what is best on the others."
    )
    yield ""
    yield "| class | objects | from score | better from | F1 | cross-fitted F1 | gain, 95% |"
    yield "|---|---:|---:|---:|---:|---:|---|"
    for one in justified:
        scores = (f"{one.shipped:g}", f"{one.fitted:g}", one.f1, one.cross_fitted_f1)
        interval = one.gain.interval
        yield _row(one.name, one.truths, *scores, interval.signed if interval else None)


def _row(*cells: str | int | float | Interval | None) -> str:
    """A row of a table; what is no count is shown with three digits, or as not known."""
    texts = (
        _figure(cell) if cell is None or isinstance(cell, float) else _literal(str(cell))
        for cell in cells
    )
    return f"| {' | '.join(texts)} |"


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _literal(text: str) -> str:
    """Names of models and classes as they are, whatever they would mean in Markdown."""
    return re.sub(r"[\\`*<&|\[\]]", r"\\\g<0>", text)
