"""`outpost play clone` and `outpost play evaluate`: policies that learn from play."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from assets.cli.output import Json, console, errors, explained, plain, print_json

if TYPE_CHECKING:
    from pipeline.play.policies.cloning import ClonedPolicies
    from pipeline.play.policies.judging import PolicyJudgement

OPPONENT = "Whom to play against: random, or scripted_l1 to scripted_l5."
TARGETS = (
    ("strategist", "accuracy", "goal of the strategist", ">", 0.75),
    ("tactician", "accuracy", "target of the tactician", ">", 0.65),
    ("executor", "position", "clicks of the executor are off by, in sides of the map", "<", 0.10),
    ("executor", "click", "clicks of the executor on the same entity", ">", 0.70),
)
"""What policies should reach on sessions that they have not learned from."""


def clone(
    out: Annotated[Path, typer.Option(help="Folder of the policies.")] = Path("policies"),
    player: Annotated[str, typer.Option(help="Whom to learn from.")] = "scripted_l5",
    opponent: Annotated[str, typer.Option(help=OPPONENT)] = "scripted_l3",
    games: Annotated[int, typer.Option(help="Games to learn from.")] = 100,
    recordings: Annotated[
        Path | None,
        typer.Option(help="Folder of recorded sessions to learn from in place of such games."),
    ] = None,
    preset: Annotated[
        str, typer.Option(help="How long to train: brief, quick, small, standard or large.")
    ] = "brief",
    delay: Annotated[
        int,
        typer.Option(
            help="Ticks by which what it sees will be late; a second has 20.", min=0, max=40
        ),
    ] = 0,
    seed: Annotated[int, typer.Option(help="Of the games and of the training.", min=0)] = 1000,
    as_json: Json = False,
) -> None:
    """Clone three policies from games of a scripted player, or from recorded sessions.

    It goes on where it was interrupted.

    Example: `outpost play clone --games 100 --out policies`
    """
    from assets.core.terminal import progress_shown
    from assets.operations.playing.cloned_policies import (
        Play,
        clone_policies,
        recorded_demonstrations,
        sessions_of,
        settings_of,
    )

    with explained(), progress_shown(errors):
        settings = settings_of(preset, delay, seed)
        if recordings is None:
            sessions = sessions_of(Play(player, opponent, games, seed))
        else:
            sessions = recorded_demonstrations(recordings)
        cloned = clone_policies(sessions, settings, out)
    if as_json:
        print_json(cloned)
        return
    plain(f"Three policies have learned from {cloned.minutes:.0f} minutes of play.")
    print_targets(cloned)
    plain(str(out / "curves.svg"))


def evaluate(
    policies: Annotated[Path, typer.Argument(help="Folder of the policies.")] = Path("policies"),
    player: Annotated[
        str, typer.Option(help="Scripted player to compare with, as is random.")
    ] = "scripted_l5",
    opponent: Annotated[str, typer.Option(help=OPPONENT)] = "scripted_l3",
    games: Annotated[int, typer.Option(help="Each player's.")] = 400,
    seed: Annotated[int, typer.Option(help="Of the first game.", min=0)] = 0,
    out: Annotated[Path, typer.Option(help="JPEG of a game to write.")] = Path("policies.jpg"),
    as_json: Json = False,
) -> None:
    """Let policies play whole games, and say how well they do beside others.

    Example: `outpost play evaluate policies --games 400`
    """
    from assets.core.terminal import progress_shown
    from assets.operations.playing.cloned_policies import Play, judge_policies

    with explained(), progress_shown(errors):
        judged = judge_policies(policies, Play(player, opponent, games, seed), out)
    if as_json:
        print_json(judged)
        return
    print_judgement(judged.judgement)
    print_targets(judged.cloned)
    plain(str(judged.sheet))


def print_judgement(judgement: PolicyJudgement) -> None:
    """Wins and returns of all players, and how the policies' compare."""
    table = Table("", "wins", "return", "loot", "survival")
    for one in judgement.players:
        share, interval = one.wins / judgement.games, one.win_rate
        table.add_row(
            one.player,
            f"{share:.0%} ({interval.low:.0%} to {interval.high:.0%})",
            f"{one.returns.mean:.2f} ({one.returns.interval.low:.2f} to "
            f"{one.returns.interval.high:.2f})",
            f"{one.loot.mean:.0f}",
            f"{one.survival.mean:.0%}",
        )
    console.print(table)
    plain(f"{judgement.games} games each against {judgement.opponent}.")
    for name, share_of in judgement.return_shares.items():
        plain(
            f"  return of {name}: {share_of.mean:.2f} of it ({share_of.interval.low:.2f} to "
            f"{share_of.interval.high:.2f})"
        )
    for name, lead in judgement.return_leads.items():
        plain(
            f"  ahead of {name} by {lead.mean:.2f} "
            f"({lead.interval.low:.2f} to {lead.interval.high:.2f})"
        )


def print_targets(cloned: ClonedPolicies) -> None:
    """What the policies know of sessions that they have not learned from."""
    plain(f"On {len(cloned.held_out_sessions)} sessions that they have not learned from:")
    for role, measure, text, sign, target in TARGETS:
        value = next(one for name, one in cloned.policies.items() if name == role).measures
        if measure in value:
            plain(f"  {text}: {value[measure]:.1%} (should be {sign} {target:.0%})")
        else:
            plain(f"  {text}: not measured since it was corrected")
