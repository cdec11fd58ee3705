"""From a folder of policies to another, with a strategist that has learned from corrections.

The new folder holds what cloning writes (`policies.cloning`; of checkpoints, `best` alone),
`corrected.json` and `corrected.svg`. The old one stays as it is.
"""

from __future__ import annotations

import shutil
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from detector_runtime.policies.networks import PolicyNetworks
from pydantic import Field

from pipeline.files import make_room, write_json, write_text
from pipeline.jobs.events import EpochEvent
from pipeline.manifests import Record
from pipeline.play.corrections.collecting import (
    CorrectedPlay,
    MomentsToAsk,
    WatchedGames,
    correct_moments,
    moments_to_ask,
    watch_policies,
)
from pipeline.play.corrections.correctors import AnswerCounts, Corrector, CountingCorrector
from pipeline.play.corrections.fine_tuning import (
    CorrectionLesson,
    FineTuneSettings,
    Measured,
    fine_tune,
)
from pipeline.play.corrections.lines import (
    Correction,
    CorrectionsError,
    GoalName,
    load_corrections,
    moments_of,
    write_lines,
)
from pipeline.play.corrections.sorting import Sorted, SortedLines, alike_of, sort_corrections
from pipeline.play.policies.checkpoints import BEST, PolicyCheckpoint, file_of, read_checkpoint
from pipeline.play.policies.cloning import CLONE_FILE, ClonedPolicies
from pipeline.play.policies.examples import Examples
from pipeline.play.policies.judging import Mean, lead_of
from pipeline.play.policies.onnx_files import export_policy, onnx_file
from pipeline.play.policies.training import network_of
from pipeline.progress import Progress, Report, silent
from pipeline.training.curves import COLOURS, Curve, CurvePanel, draw_panels

REPORT_FILE, IMAGE_FILE = "corrected.json", "corrected.svg"


class MistakeCount(Record):
    """One goal chosen in place of another, in situations like those of the lines."""

    action: GoalName
    correction: GoalName
    lines: int
    before: int = Field(description="Times that the old policy chose so in the games compared.")
    after: int = Field(description="Times that the new one did.")


class CorrectedPolicies(Record):
    """What came of correcting: `corrected.json`."""

    settings: FineTuneSettings
    lines: SortedLines
    opponent: str
    games: int = Field(description="That each policy played to be compared.")
    decisions_before: int = Field(description="Goals that the old policy chose in them.")
    decisions_after: int
    mistakes: tuple[MistakeCount, ...]
    wins_before: int
    wins_after: int
    return_lead: Mean = Field(description="The new policy's return less the old one's, by game.")
    history: tuple[Measured, ...]
    seconds: float = Field(description="Of fine-tuning.")
    answers: AnswerCounts | None = Field(None, description="Where a model was asked.")


def correct_policies(
    folder: Path,
    out: Path,
    source: Corrector | Sequence[Path],
    play: CorrectedPlay,
    settings: FineTuneSettings,
    written: Path | None = None,
    report: Report = silent,
) -> CorrectedPolicies:
    """Correct the strategist of a folder of policies, and write all three to a new folder.

    Args:
        source: who corrects the games that are played, or files of lines to learn from.
        written: a new file for the lines of who corrects, each written as soon as it is there.

    Raises:
        CorrectionsError: a line is wrong, there are too few to learn from, a file cannot be read
            or written, or the new policies play worse with certainty. There is no new folder then.
        CloneError, ModelLoadError, PolicyCheckpointError: the folder holds no policies.
        GameError: there is no such opponent.
    """
    cloned = ClonedPolicies.read(folder)
    networks = PolicyNetworks.load(folder)
    old = read_checkpoint(file_of(folder / "strategist", BEST), "strategist")
    _check_places(out, written, play)
    to_correct, to_compare = play.seeds()
    if isinstance(source, Corrector):
        asked = moments_to_ask(networks, play, report)
        watched = asked.watched
        chosen = _to_learn(_collected(asked, source, written, report), settings)
    else:  # What is wrong with lines is said before games are played.
        chosen = _to_learn(load_corrections(source), settings)
        watched = watch_policies(networks, play.opponent, to_correct, report)
    began = time.monotonic()
    network = network_of(old, cloned.settings)

    def on_step(done: int, total: int) -> None:
        report(Progress("fine-tune the strategist", done, total, time.monotonic() - began))

    lesson = _lesson(chosen, watched.moments)
    history = fine_tune(network, lesson, settings, on_step)
    seconds = round(time.monotonic() - began, 1)
    new = PolicyCheckpoint(
        "strategist",
        old.epoch,
        {**old.trained, "corrected": settings.model_dump(mode="json")},
        old.history,
        dict(network.state_dict()),
        {},
    )
    with _appearing(out) as fresh:
        for role in ("tactician", "executor"):
            shutil.copyfile(onnx_file(folder, role), onnx_file(fresh, role))
            best = file_of(folder / role, BEST)
            if best.is_file():  # Policies that an earlier version corrected have none.
                make_room(file_of(fresh / role, BEST))
                shutil.copyfile(best, file_of(fresh / role, BEST))
        export_policy(network, cloned.settings.delay, fresh)
        new.write(file_of(fresh / "strategist", BEST))
        before = watch_policies(networks, play.opponent, to_compare, report)
        after = watch_policies(PolicyNetworks.load(fresh), play.opponent, to_compare, report)
        done = CorrectedPolicies(
            settings=settings,
            lines=chosen.report,
            opponent=play.opponent,
            games=2 * len(to_compare),
            decisions_before=len(before.moments),
            decisions_after=len(after.moments),
            mistakes=_mistakes(chosen, before, after),
            wins_before=int((before.played.outcomes == 1).sum()),
            wins_after=int((after.played.outcomes == 1).sum()),
            return_lead=lead_of(after.played, before.played),
            history=tuple(history),
            seconds=seconds,
            answers=source.counts if isinstance(source, CountingCorrector) else None,
        )
        _check_return(done)
        write_json(fresh / CLONE_FILE, _unmeasured(cloned).model_dump(mode="json"))
        write_json(fresh / REPORT_FILE, done.model_dump(mode="json"))
        write_text(fresh / IMAGE_FILE, curves_of_corrections(done))
    return done


def curves_of_corrections(corrected: CorrectedPolicies) -> str:
    """Losses and shares over the steps of fine-tuning, as the text of an SVG."""
    history = corrected.history
    steps = [
        EpochEvent(seconds=0.0, stage="correct", epoch=number, epochs=len(history))
        for number in range(1, len(history) + 1)
    ]
    losses = (
        Curve("corrections", COLOURS[0], tuple(one.loss for one in history)),
        Curve("from old policy", COLOURS[1], tuple(one.divergence for one in history)),
    )
    shares = (
        Curve("learned", COLOURS[2], tuple(one.learned for one in history)),
        Curve("kept elsewhere", COLOURS[3], tuple(one.kept for one in history)),
    )
    panels = (CurvePanel("loss", losses), CurvePanel("share of moments", shares, ceiling=1.0))
    return draw_panels(panels, steps)


def corrections_there(written: Path) -> CorrectionsError:
    """The error of a file to write that somebody else's corrections are in."""
    return CorrectionsError(
        f"There are corrections in {written} already.",
        "Name another file to write, or learn from this one: --lines.",
    )


def check_writable(place: Path) -> None:
    """See that a new file or folder can be made.

    Raises:
        CorrectionsError: it cannot.
    """
    try:
        make_room(place)
        with tempfile.TemporaryFile(dir=place.parent):
            pass
    except OSError as error:
        raise CorrectionsError(
            f"{place} cannot be written: {error}", "Name one in a folder that you may write to."
        ) from error


def _check_places(out: Path, written: Path | None, play: CorrectedPlay) -> None:
    """All that can be known to fail before games are played."""
    if play.games < 2 or play.games % 2:
        raise CorrectionsError(
            f"{play.games} games cannot be played from both sides.", "Choose an even number."
        )
    if out.exists():
        raise CorrectionsError(
            f"{out} exists already.", "Name a new folder; the old policies stay in theirs."
        )
    if written is not None and written.exists():
        raise corrections_there(written)
    for place in (out, written):
        if place is not None:
            check_writable(place)


def _to_learn(given: Sequence[Correction], settings: FineTuneSettings) -> Sorted:
    chosen = sort_corrections(given, settings.least_confidence)
    if not chosen.corrections:
        raise CorrectionsError(
            f"There is nothing to learn: of {chosen.report.lines} lines, "
            f"{chosen.report.without_correction} correct nothing, {chosen.report.unsure} are "
            f"unsure and {chosen.report.contradicted} are contradicted by like ones.",
            "Correct more games, or look at the lines.",
        )
    return chosen


def _collected(
    moments: MomentsToAsk, corrector: Corrector, written: Path | None, report: Report
) -> list[Correction]:
    asked: list[Correction] = []

    def kept() -> Iterator[Correction]:
        for correction in correct_moments(moments, corrector, report):
            asked.append(correction)
            yield correction

    if written is None:
        return [*kept()]
    write_lines(written, kept())
    return asked


def _lesson(chosen: Sorted, moments: Examples) -> CorrectionLesson:
    """What is to stay are moments of play that are like no correction."""
    lines = chosen.corrections
    corrected = moments_of([one.state for one in lines], [one.correction for one in lines])
    others = np.flatnonzero([like not in chosen.alike for like in alike_of(moments)])
    if not len(others):
        raise CorrectionsError(
            "Every moment of the games is like one that is corrected: nothing would stay.",
            "Play more games, or leave out corrections that are too general.",
        )
    confidences = np.array([one.confidence for one in lines], np.float32)
    return CorrectionLesson(corrected, confidences, moments.rows(others))


def _mistakes(
    chosen: Sorted, before: WatchedGames, after: WatchedGames
) -> tuple[MistakeCount, ...]:
    lines = chosen.corrections
    keys = alike_of(moments_of([one.state for one in lines], [one.action for one in lines]))
    right = {like: one.correction for like, one in zip(keys, lines, strict=True)}
    counts = Counter((one.action, one.correction) for one in lines)
    made = [
        Counter((like[1], right[like]) for like in alike_of(games.moments) if like in right)
        for games in (before, after)
    ]
    return tuple(
        MistakeCount(
            action=action,
            correction=correction,
            lines=count,
            before=made[0][action, correction],
            after=made[1][action, correction],
        )
        for (action, correction), count in sorted(counts.items())
    )


def _check_return(done: CorrectedPolicies) -> None:
    lead = done.return_lead
    if lead.interval is not None and lead.interval.high < 0:
        raise CorrectionsError(
            f"The corrected policies play worse: their return is {-lead.mean:.2f} lower "
            f"({-lead.interval.high:.2f} to {-lead.interval.low:.2f}) in {done.games} games.",
            "The old policies stay. Look at the corrections, or give the old policy more weight.",
        )


def _unmeasured(cloned: ClonedPolicies) -> ClonedPolicies:
    """What a strategist had reached before it was corrected says nothing of it now."""
    strategist = cloned.policies["strategist"].model_copy(update={"measures": {}})
    return cloned.model_copy(update={"policies": {**cloned.policies, "strategist": strategist}})


@contextmanager
def _appearing(out: Path) -> Iterator[Path]:
    """A folder to fill, which is there under its name when it is whole, and otherwise not at all.

    Raises:
        CorrectionsError: it cannot be written.
    """
    fresh = out.with_name(f".{out.name}.{uuid.uuid4().hex[:8]}.tmp")
    try:
        (fresh / "strategist").mkdir(parents=True)
        yield fresh
        fresh.rename(out)
    except OSError as error:
        raise CorrectionsError(
            f"The policies cannot be written to {out}: {error}",
            "Name a new folder in one that you may write to.",
        ) from error
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
