"""`outpost play clone` and `outpost play evaluate`: policies that learn from play."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from assets.cli.output import Json, console, errors, explained, plain, print_json

if TYPE_CHECKING:
    from pipeline.play.perception.loss import PerceptionLoss
    from pipeline.play.policies.cloning import ClonedPolicies
    from pipeline.play.policies.judging import PlayerResult, PolicyJudgement

OPPONENT = "Whom to play against: random, or scripted_l1 to scripted_l5."


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
    from pipeline.play.policies.cloning import CURVES_FILE, check_folder

    with explained(), progress_shown(errors):
        settings = settings_of(preset, delay, seed)
        check_folder(out)
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
    plain(str(out / CURVES_FILE))


def evaluate(
    policies: Annotated[Path, typer.Argument(help="Folder of the policies.")] = Path("policies"),
    player: Annotated[
        str, typer.Option(help="Scripted player to compare with, as is random.")
    ] = "scripted_l5",
    opponent: Annotated[str, typer.Option(help=OPPONENT)] = "scripted_l3",
    games: Annotated[int, typer.Option(help="Each player's.")] = 400,
    seed: Annotated[int, typer.Option(help="Of the first game.", min=0)] = 0,
    out: Annotated[Path, typer.Option(help="JPEG of a game to write.")] = Path("policies.jpg"),
    detector: Annotated[
        Path | None,
        typer.Option(help="A bundle or ONNX file by whose eyes they play as well."),
    ] = None,
    detected_games: Annotated[
        int, typer.Option(help="Games by the detector's eyes; each takes some 20 seconds.")
    ] = 40,
    as_json: Json = False,
) -> None:
    """Let policies play whole games, and say how well they do beside others.

    Example: `outpost play evaluate policies --games 400`
    """
    from assets.core.terminal import progress_shown
    from assets.operations.playing.cloned_policies import Eyes, Play, judge_policies

    eyes = None if detector is None else Eyes(detector, detected_games)
    with explained(), progress_shown(errors):
        judged = judge_policies(policies, Play(player, opponent, games, seed), out, eyes)
    if as_json:
        print_json(judged)
        return
    print_judgement(judged.judgement)
    print_targets(judged.cloned)
    plain(str(judged.sheet))
    if judged.seen is not None:
        print_perception(judged.seen.loss)
        plain(f"  a look takes {judged.seen.look_ms:.0f} ms")
        plain(str(judged.seen.image))


def print_judgement(judgement: PolicyJudgement) -> None:
    """Wins and returns of all players, and how the policies' compare."""
    print_players(judgement.players, judgement.games)
    plain(f"{judgement.games} games each against {judgement.opponent}.")
    for name, share_of in judgement.return_shares.items():
        plain(f"  share of the return of {name}: {share_of.told()}")
    for name, lead in judgement.return_leads.items():
        plain(f"  ahead of {name} by {lead.told()}")


def print_perception(loss: PerceptionLoss) -> None:
    """What the same policies lose where they must find what they see."""
    print_players((loss.true, loss.detected), loss.games)
    plain(f"{loss.games} games each against {loss.opponent}, the same; seen by {loss.detector},")
    plain(f"which looks every {loss.look_ticks} ticks; told {loss.delay} ticks late in both.")
    plain(f"  return lost: {loss.returns_lost.told()}")
    if loss.returns_kept is not None:
        plain(f"  return kept: {loss.returns_kept.told()} of it")
    plain(f"  wins lost: {loss.wins_lost.told()} of the games")
    seen = loss.accuracy
    plain(
        f"  of what is in sight {seen.recall:.1%} is seen; of what is seen {seen.precision:.1%} is"
    )
    plain(f"  there, {seen.place:.1f} pixels off; {seen.owner:.1%} of owners are right, hit points")
    plain(
        f"  are {seen.hit_points:.1%} off, {seen.selected:.1%} of choices and {seen.order:.1%} of"
    )
    plain(f"  orders are known; an entity gets another id {seen.new_ids:.1f} times a minute")


def print_players(players: Sequence[PlayerResult], games: int) -> None:
    """A table of how players did, with intervals."""
    table = Table("", "wins", "return", "loot", "survival")
    for one in players:
        share, interval = one.wins / games, one.win_rate
        table.add_row(
            one.player,
            f"{share:.0%} ({interval.low:.0%} to {interval.high:.0%})",
            one.returns.told(),
            f"{one.loot.mean:.0f}",
            f"{one.survival.mean:.0%}",
        )
    console.print(table)


def print_targets(cloned: ClonedPolicies) -> None:
    """What the policies know of sessions that they have not learned from."""
    from pipeline.play.policies.artifacts.targets import measured_targets

    count = len(cloned.held_out_sessions)
    plain(f"On {count} session{'s' * (count != 1)} that they have not learned from:")
    for target, value in measured_targets(cloned):
        if value is None:
            plain(f"  {target.text}: not measured since it was corrected")
        else:
            plain(f"  {target.text}: {value:.1%} (should be {target.wanted})")
