"""Policies whose strategist learns from corrections of its play."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from detector_runtime.policies.networks import PolicyNetworks

from assets.core.building import NOTICE_LOGGER
from pipeline.play.corrections.collecting import CorrectedPlay, moments_to_ask
from pipeline.play.corrections.correcting import (
    CorrectedPolicies,
    check_writable,
    correct_policies,
    corrections_there,
)
from pipeline.play.corrections.correctors import AnswerCounts, RuleCorrector
from pipeline.play.corrections.fine_tuning import FineTuneSettings
from pipeline.play.corrections.lines import CorrectionsError
from pipeline.play.corrections.questions import INSTRUCTIONS, question_of, request_tokens
from pipeline.play.policies.cloning import ClonedPolicies
from resources.chat.answers import AnswerFile
from resources.chat.corrector import HostedCorrector, question_digest
from resources.chat.settings import ChatSettings
from resources.run_log import reporter

MOST_GAMES = 1000
"""Of which the strategist's moments are held in memory: two hundred megabytes."""


@dataclass(frozen=True)
class QuestionPreview:
    """What a model would be asked; nothing was sent.

    Attributes:
        instructions, question: all words of one request.
        frames: whether an image goes with each.
        moments: in which a goal was chosen.
        requests: to be sent; what was answered before needs none.
        answered: questions that need none.
        question_tokens: about, of all questions.
        answer_tokens: at most, of all answers.
    """

    instructions: str
    question: str
    frames: bool
    moments: int
    requests: int
    answered: int
    question_tokens: int
    answer_tokens: int


def correct_by_rules(
    folder: Path, out: Path, play: CorrectedPlay, settings: FineTuneSettings, written: Path
) -> CorrectedPolicies:
    """Correct by the rules of the built-in game, and keep the lines.

    Raises:
        CorrectionsError: too many games, or `written` is a folder; or as
            `correcting.correct_policies`, as are others.
    """
    _check(play, written)
    return correct_policies(folder, out, RuleCorrector(), play, settings, written, reporter())


def correct_by_lines(
    folder: Path, out: Path, play: CorrectedPlay, settings: FineTuneSettings, files: Sequence[Path]
) -> CorrectedPolicies:
    """Learn from lines that somebody has written.

    Raises:
        CorrectionsError: too many games; or as `correcting.correct_policies`, as are others.
    """
    _check(play)
    return correct_policies(folder, out, [*files], play, settings, None, reporter())


def correct_by_model(
    folder: Path,
    out: Path,
    play: CorrectedPlay,
    settings: FineTuneSettings,
    chat: ChatSettings,
    written: Path,
) -> CorrectedPolicies:
    """Have a language model correct, and go on where that was interrupted.

    Args:
        written: file for the lines; answers are kept beside it, as soon as they are there.

    Raises:
        CorrectionsError: too many games, or `written` is a folder; or as
            `correcting.correct_policies`, as are others.
        ChatModelError: the model cannot be asked, its answers are of no use or cannot be kept.
    """
    _check(play, written)
    answers = _answers(written, chat)
    if written.exists() and not answers.holds_all_of(written):
        raise corrections_there(written)
    check_writable(answers.file)
    with _asked(HostedCorrector(chat, answers), answers, written) as corrector:
        return correct_policies(folder, out, corrector, play, settings, None, reporter())


def preview_questions(
    folder: Path, play: CorrectedPlay, chat: ChatSettings, written: Path
) -> QuestionPreview:
    """Let the policies play, and say what a model would be asked; no key is needed.

    Raises:
        CorrectionsError: too many games, or `written` is a folder.
        CloneError, ModelLoadError: the folder holds no policies.
        GameError: there is no such opponent.
        ChatModelError: the answers of before cannot be read.
    """
    _check(play, written)
    ClonedPolicies.read(folder)
    answers = _answers(written, chat)
    moments = moments_to_ask(PolicyNetworks.load(folder), play, reporter())
    texts: dict[str, str] = {}
    for state, action, frame in moments.questions():
        text = question_of(state, action)
        texts[question_digest(chat.model, text, frame)] = text
    new = [text for key, text in texts.items() if answers.get(key) is None]
    return QuestionPreview(
        instructions=INSTRUCTIONS,
        question=(new or [*texts.values()])[0],
        frames=play.frames,
        moments=len(moments.watched.moments),
        requests=len(new),
        answered=len(texts) - len(new),
        question_tokens=sum(request_tokens(text, play.frames) for text in new),
        answer_tokens=chat.answer_tokens * len(new),
    )


def in_words(counts: AnswerCounts) -> str:
    """What has come of asking, in a line."""
    problems = [f"{problem}: {count}" for problem, count in counts.unusable.items()]
    unasked = f", {counts.unasked} not asked as the budget is spent" if counts.unasked else ""
    return (
        f"{counts.model}: {counts.requests} requests, {counts.remembered} questions answered "
        f"before; {counts.objections} objections, {counts.agreements} agreements, "
        f"{sum(counts.unusable.values())} answers of no use{unasked}; {counts.question_tokens} "
        f"tokens asked, {counts.answer_tokens} answered"
        + "".join(f"\n  of no use, {one}" for one in problems)
    )


@contextmanager
def _asked(
    corrector: HostedCorrector, answers: AnswerFile, written: Path
) -> Iterator[HostedCorrector]:
    """A corrector at work; whatever ends it, lines are written, and what came of it is told."""
    try:
        yield corrector
    finally:
        corrector.close()
        if corrector.counts.questions:
            NOTICE_LOGGER.info("%s", in_words(corrector.counts))
        answers.write_lines(written)


def _answers(written: Path, chat: ChatSettings) -> AnswerFile:
    return AnswerFile(written.with_suffix(".answers.jsonl"), chat.model)


def _check(play: CorrectedPlay, written: Path | None = None) -> None:
    if play.games > MOST_GAMES:
        raise CorrectionsError(
            f"{play.games} games are too many at once.", f"Choose at most {MOST_GAMES}."
        )
    if written is not None and written.is_dir():
        raise CorrectionsError(
            f"Corrections cannot be written to {written}: it is a folder.",
            "Name a file in it: --written.",
        )
