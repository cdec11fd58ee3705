"""`outpost play correct`: a strategist that learns from corrections."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from assets.cli.output import Json, console, errors, explained, plain, print_json

if TYPE_CHECKING:
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
    written: Annotated[
        Path, typer.Option(help="New file for corrections that are made by rules.")
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
    """
    from assets.core.terminal import progress_shown
    from assets.operations.playing.corrected_policies import correct_by_lines, correct_by_rules
    from pipeline.play.corrections.correcting import CorrectedPlay
    from pipeline.play.corrections.fine_tuning import FineTuneSettings

    with explained(), progress_shown(errors):
        play = CorrectedPlay(opponent, games, seed)
        settings = FineTuneSettings(
            steps=steps, kl_weight=kl_weight, least_confidence=least_confidence
        )
        if lines:
            corrected = correct_by_lines(policies, out, play, settings, lines)
        else:
            corrected = correct_by_rules(policies, out, play, settings, written)
    if as_json:
        print_json(corrected)
        return
    print_corrected(corrected)
    plain(str(out / "corrected.svg"))


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
    plain(
        f"  return: {lead.mean:+.2f} ({lead.interval.low:+.2f} to {lead.interval.high:+.2f}), "
        "in the same games"
    )
    plain(
        f"  as before in {last.kept:.1%} of other moments; fine-tuned in "
        f"{corrected.seconds:.0f} seconds"
    )
