"""`outpost play correct`: a strategist that learns from corrections."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from assets.cli.output import Json, console, errors, explained, plain, print_json

if TYPE_CHECKING:
    from assets.operations.playing.corrected_policies import QuestionPreview
    from pipeline.play.corrections.correcting import CorrectedPolicies


def correct(
    policies: Annotated[Path, typer.Argument(help="Folder of the policies.")] = Path("policies"),
    out: Annotated[Path, typer.Option(help="New folder of the corrected ones.")] = Path(
        "policies-corrected"
    ),
    lines: Annotated[
        list[Path] | None,
        typer.Option(help="Corrections to learn from; by rules of the built-in game without."),
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="Language model that corrects in place of the rules.")
    ] = None,
    base_url: Annotated[
        str,
        typer.Option(
            envvar="OPENAI_BASE_URL", help="Where it answers; any that speaks chat completions."
        ),
    ] = "https://api.openai.com/v1",
    key_variable: Annotated[
        str | None,
        typer.Option(
            help="Environment variable with its API key; OPENAI_API_KEY at OpenAI, else none."
        ),
    ] = None,
    frames: Annotated[
        bool, typer.Option("--frames", help="Show it an image of what the player saw, too.")
    ] = False,
    questions: Annotated[
        int, typer.Option(help="Most to ask it, spread over kinds of situations.", min=1)
    ] = 300,
    tokens: Annotated[
        int, typer.Option(help="Most of its tokens to use in a run, questions included.", min=1)
    ] = 1_000_000,
    answer_tokens: Annotated[
        int, typer.Option(help="Most of one answer, thinking included.", min=50, max=100_000)
    ] = 2000,
    a_minute: Annotated[
        float, typer.Option(help="Questions a minute at most.", min=0.1, max=60_000)
    ] = 60.0,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Show a question to it and what all would take; ask none."),
    ] = False,
    written: Annotated[
        Path, typer.Option(help="New file for corrections that rules or a model make.")
    ] = Path("corrections.jsonl"),
    opponent: Annotated[
        str, typer.Option(help="Whom to play against: random, or scripted_l1 to scripted_l5.")
    ] = "scripted_l3",
    games: Annotated[
        int, typer.Option(help="To correct, and as many others to compare in; even.", min=2)
    ] = 100,
    steps: Annotated[int, typer.Option(help="Of fine-tuning.", min=20, max=100_000)] = 400,
    kl_weight: Annotated[
        float, typer.Option(help="Of staying as it was elsewhere.", min=0, max=1000)
    ] = 1.0,
    least_confidence: Annotated[
        float, typer.Option(help="Lines below it are left out.", min=0, max=1)
    ] = 0.5,
    seed: Annotated[int, typer.Option(help="Of the first game.", min=0)] = 50_000,
    as_json: Json = False,
) -> None:
    """Correct the goals that policies choose; the old ones stay in their folder.

    Example: `outpost play correct policies --out policies-corrected`

    By a model: `outpost play correct --model qwen3-vl:8b --base-url http://localhost:11434/v1`
    """
    from assets.core.terminal import progress_shown
    from assets.operations.playing.corrected_policies import (
        correct_by_lines,
        correct_by_model,
        correct_by_rules,
        preview_questions,
    )
    from pipeline.play.corrections.collecting import CorrectedPlay
    from pipeline.play.corrections.fine_tuning import FineTuneSettings
    from resources.chat.settings import ChatSettings

    has_model = bool(model and model.strip())
    if (model is not None and (lines or not has_model)) or ((frames or dry_run) and not has_model):
        errors.print("Name --lines or a --model, not both; --frames and --dry-run go with a model.")
        raise typer.Exit(2)
    with explained(), progress_shown(errors):
        settings = FineTuneSettings(
            steps=steps, kl_weight=kl_weight, least_confidence=least_confidence
        )
        play = CorrectedPlay(opponent, games, seed, questions if has_model else None, frames)
        if model:
            chat = ChatSettings(
                model=model,
                base_url=base_url,
                key_variable=key_variable,
                requests_a_minute=a_minute,
                answer_tokens=answer_tokens,
                most_requests=questions,
                most_tokens=tokens,
            )
            if dry_run:
                print_preview(preview_questions(policies, play, chat, written), as_json)
                return
            corrected = correct_by_model(policies, out, play, settings, chat, written)
        elif lines:
            corrected = correct_by_lines(policies, out, play, settings, lines)
        else:
            corrected = correct_by_rules(policies, out, play, settings, written)
    if as_json:
        print_json(corrected)
        return
    print_corrected(corrected)
    plain(str(out / "corrected.svg"))


def print_preview(preview: QuestionPreview, as_json: bool) -> None:
    """A question to a model, and what all of them would take."""
    if as_json:
        print_json(preview)
        return
    plain(preview.instructions)
    plain(f"\n{preview.question}\n")
    if preview.frames:
        plain("With it goes an image of what the player saw.")
    plain(
        f"{preview.requests} requests, of {preview.moments} moments in which a goal was chosen; "
        f"{preview.answered} more questions are answered already."
    )
    plain(
        f"About {preview.question_tokens} tokens to ask, and at most {preview.answer_tokens} to "
        "answer. Nothing was sent."
    )


def print_corrected(corrected: CorrectedPolicies) -> None:
    """What lines were learned from, how often each mistake was made, and what it did to play."""
    found = corrected.lines
    plain(
        f"{found.learned} of {found.lines} lines are learned from: {found.without_correction} "
        f"correct nothing, {found.unsure} are unsure, {found.contradicted} are contradicted."
    )
    for conflict in found.conflicts:
        says = ", ".join(f"{goal} in {count}" for goal, count in conflict.corrections.items())
        plain(
            f"  like states, {conflict.action} corrected to {says}: "
            f"{conflict.kept or 'neither'} is learned"
        )
    table = Table("chosen", "right", "lines", "before", "after")
    for one in corrected.mistakes:
        table.add_row(
            one.action, one.correction, str(one.lines), str(one.before), str(one.after)
        )  # fmt: skip
    console.print(table)
    plain(
        f"{corrected.games} other games against {corrected.opponent}, with "
        f"{corrected.decisions_before} goals chosen before and {corrected.decisions_after} after:"
    )
    lead, last = corrected.return_lead, corrected.history[-1]
    plain(f"  won: {corrected.wins_before} before, {corrected.wins_after} after")
    plain(f"  return: {lead.told('+')}, in the same games")
    plain(
        f"  as before in {last.kept:.1%} of other moments; fine-tuned in "
        f"{corrected.seconds:.0f} seconds"
    )
