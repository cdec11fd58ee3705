"""`outpost play train`: a policy that learns by playing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from assets.cli.output import Json, console, errors, explained, plain, print_json
from pipeline.progress import seconds_in_words

if TYPE_CHECKING:
    from assets.operations.arena.trained_policy import JudgedPolicy

StartFrom = Annotated[
    Path | None,
    typer.Option("--from", help="Cloned policies, or a checkpoint, to begin as a copy of."),
]
Envs = Annotated[int, typer.Option(help="Games at the same time.", min=1)]
Seed = Annotated[int, typer.Option(help="Of the games and of the training.", min=0)]
EVALUATIONS = 20
"""Of a training, at most; each takes seconds."""
FEWEST_STEPS_BETWEEN = 500_000


def train(
    out: Annotated[
        Path, typer.Option(help="Folder of the training; one that is begun is gone on with.")
    ] = Path("learned"),
    start_from: StartFrom = None,
    steps: Annotated[
        int, typer.Option(help="Of all games together, five a second of play.", min=1)
    ] = 5_000_000,
    opponent: Annotated[
        list[str] | None,
        typer.Option(
            help="Whom to play against: random, scripted_l1 to scripted_l5, or a checkpoint; may "
            "be repeated. scripted_l5 without."
        ),
    ] = None,
    self_play: Annotated[
        bool, typer.Option("--self-play", help="Play against snapshots of itself, too.")
    ] = False,
    kl_weight: Annotated[
        float, typer.Option(help="Of staying near what it begins as.", min=0)
    ] = 0.02,
    envs: Envs = 256,
    games: Annotated[
        int, typer.Option(help="To judge it by afterwards, against each opponent.", min=2)
    ] = 400,
    seed: Seed = 42,
    as_json: Json = False,
) -> None:
    """Train a policy by reinforcement, and say how often it wins.

    It goes on where it was interrupted. TensorBoard shows it while it learns.

    Example: `outpost play train --from policies --out learned`
    """
    from assets.core.terminal import progress_shown
    from assets.operations.arena.trained_policy import train_policy
    from pipeline.play.arena import TrainingConfig

    with explained(), progress_shown(errors):
        config = TrainingConfig(
            checkpoint_dir=out,
            start_from=start_from,
            total_timesteps=steps,
            opponents=tuple(opponent or ()),
            enable_self_play=self_play,
            kl_coef=kl_weight,
            n_envs=envs,
            eval_freq=max(FEWEST_STEPS_BETWEEN, steps // EVALUATIONS),
            seed=seed,
        )
        known = [] if start_from is None else [str(start_from)]
        judged = train_policy(config, [*known, *config.rivals], games)
    if as_json:
        print_json(judged)
        return
    print_trained(judged)


def print_trained(judged: JudgedPolicy) -> None:
    """How long it took, how often it wins, and where everything is."""
    pace = judged.steps / max(judged.seconds, 1e-9)
    plain(
        f"{judged.steps} steps in {seconds_in_words(judged.seconds)} ({pace:.0f} a second, with "
        "evaluations)."
    )
    table = Table("against", "wins", "draws", "losses", "share of wins")
    for one in judged.games:
        interval = one.win_rate
        table.add_row(
            Path(one.opponent).name,
            str(one.wins),
            str(one.draws),
            str(one.losses),
            f"{one.share:.0%} ({interval.low:.0%} to {interval.high:.0%})",
        )
    console.print(table)
    for file in (judged.weights, judged.curves, judged.tensorboard):
        plain(str(file))
