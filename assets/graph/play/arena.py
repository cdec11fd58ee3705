"""Policies that learn by playing: one, a league of it, ratings of everybody, and benchmarks.

All of it is trained on the processor of the run. What a run that was killed had begun is gone on
with (`assets.core.working_folders`).
"""

from pathlib import Path
from typing import Any, Self

import dagster as dg
from pydantic import Field, model_validator

from assets.core.building import AssetBuild, Metadata, latest
from assets.core.keys import GameKeys
from assets.core.launchpad import LaunchpadConfig
from assets.core.metadata import PREVIEW, drawing, film, table
from assets.core.working_folders import build_in_working_folder
from assets.graph.play.recordings import is_played
from pipeline.games.pack import GamePack
from pipeline.manifests import sha256_of
from pipeline.play.arena.artifacts.arena_benchmarks import (
    GENERALIST,
    HISTORICAL,
    TRANSFER,
    ArenaBenchmarks,
    BenchmarkPlan,
)
from pipeline.play.arena.artifacts.arena_league import ArenaLeague
from pipeline.play.arena.artifacts.arena_policy import ArenaPolicy, PolicyPlan
from pipeline.play.arena.artifacts.arena_ratings import ArenaRatings
from pipeline.play.arena.benchmarks.generalist import GeneralistSettings
from pipeline.play.arena.benchmarks.historical import HistoricalSettings
from pipeline.play.arena.benchmarks.transfer import TransferSettings
from pipeline.play.arena.league.settings import LeagueSettings
from pipeline.play.arena.learner.settings import DistillationSettings
from pipeline.play.arena.training.config import PolicyTrainingConfig
from pipeline.play.policies.artifacts.trained_policies import TrainedPolicies
from pipeline.play.simulator.scripted import SKILLS
from pipeline.provenance import code_version_behind
from resources.artifacts import Artifact, Artifacts
from resources.paths import Paths

GROUP = "arena"
TRAINING_CODE = "pipeline.play.arena.training.run"
POLICY_CODE = ("pipeline.play.arena.artifacts.arena_policy", TRAINING_CODE)
LEAGUE_CODE = ("pipeline.play.arena.artifacts.arena_league", "pipeline.play.arena.league.rounds")
RATINGS_CODE = ("pipeline.play.arena.artifacts.arena_ratings",)
BENCHMARK_CODE = ("pipeline.play.arena.artifacts.arena_benchmarks", TRAINING_CODE)
"""With all that they import they decide what is learned and played."""

PARTS, MOST_STEPS_BETWEEN = 8, 250_000
"""Of a training, after each of which it is evaluated; steps from one checkpoint to the next."""


def arena_assets(pack: GamePack) -> list[dg.AssetsDefinition]:
    """Assets of the arena; nothing for games that are not played here."""
    if not is_played(pack):
        return []
    return [_policy(pack), _league(pack), _ratings(pack), _benchmarks(pack)]


class ArenaPolicyConfig(LaunchpadConfig):
    """How a policy learns by playing, and how it is judged."""

    from_clone: bool = Field(
        True,
        description="Begin as a copy of the cloned policies and stay near them; without, begin "
        "from nothing, for which no recorded play is needed.",
    )
    clone_games: int = Field(
        240, ge=10, description="Games of the cloned policies from which the copy learns."
    )
    steps: int = Field(
        1_000_000,
        ge=1,
        description="Of all games together, five a second of play. A million takes about a minute "
        "of one core; a full training is 5,000,000.",
    )
    opponents: list[str] = Field(
        ["scripted_l5"],
        min_length=1,
        description="Whom it learns against, beside those that it was copied from: random, "
        "scripted_l1 to scripted_l5, or the file of a policy.",
    )
    self_play: bool = Field(False, description="Play against snapshots of itself, too.")
    kl_weight: float = Field(0.02, ge=0, description="Of staying near what it begins as.")
    envs: int = Field(256, ge=1, le=65_536, description="Games at the same time.")
    width: int = Field(128, ge=4, le=4096, description="Of the network's two layers.")
    games: int = Field(200, ge=2, description="To judge it by, against each opponent.")
    film_seed: int = Field(7, ge=0, lt=1 << 62, description="Of the game that is filmed.")
    seed: int = Field(42, ge=0, lt=1 << 32, description="Of the games and of the training.")

    @model_validator(mode="after")
    def _opponents_are_there(self) -> Self:
        for one in self.opponents:
            if not Path(one).is_file():
                _require_scripted("opponents", one, ", or the file of a policy")
        return self

    @property
    def recipe(self) -> dict[str, Any]:
        """What decides what is learned: of opponents from files, their bytes too."""
        files = [one for one in self.opponents if one not in SKILLS]
        digests = {"opponent_files": [sha256_of(Path(one)) for one in files]} if files else {}
        return {**self.model_dump(mode="json"), **digests}

    def training(self, clone: Path | None, folder: Path) -> PolicyTrainingConfig:
        """How to train, in a folder of its own."""
        return PolicyTrainingConfig(
            start_from=clone,
            distillation=DistillationSettings(games=self.clone_games),
            total_timesteps=self.steps,
            opponents=tuple(self.opponents),
            enable_self_play=self.self_play,
            kl_coef=self.kl_weight,
            n_envs=self.envs,
            width=self.width,
            seed=self.seed,
            checkpoint_dir=folder,
            # A run that is killed loses an eighth at most.
            checkpoint_freq=max(1, min(MOST_STEPS_BETWEEN, self.steps // PARTS)),
            eval_freq=max(1, self.steps // PARTS),
        )


class ArenaLeagueConfig(LaunchpadConfig):
    """How a league is played."""

    rounds: int = Field(2, ge=1, le=1000, description="Of training; a full league has 4 or more.")
    steps: int = Field(
        250_000, ge=1, description="Of a round, of all games together; 500,000 in a full league."
    )
    response_steps: int = Field(
        250_000,
        ge=1,
        description="For which somebody is trained against each policy, to see how exploitable it "
        "is; with more, more can be found. 500,000 in a full league.",
    )
    games: int = Field(
        100, ge=2, description="Of every two, and of who was trained against each; 200 in a full "
        "league."
    )  # fmt: skip
    opponents: list[str] = Field(
        ["scripted_l5"],
        min_length=1,
        description="Whom policies meet beside each other: random, or scripted_l1 to scripted_l5.",
    )
    envs: int = Field(256, ge=1, le=65_536, description="Games at the same time.")
    film_seed: int = Field(7, ge=0, lt=1 << 62, description="Of the game that is filmed.")
    seed: int = Field(42, ge=0, lt=1 << 31, description="Of the games and of the training.")

    @model_validator(mode="after")
    def _opponents_are_scripted(self) -> Self:
        for one in self.opponents:
            _require_scripted("opponents", one)
        return self

    def settings(self, policy: Path) -> LeagueSettings:
        """What is trained in a round, and what is played after it."""
        from pipeline.play.arena.learner.model import load_model

        training = PolicyTrainingConfig(
            start_from=policy,
            opponents=tuple(self.opponents),
            n_envs=self.envs,
            width=load_model(policy).network.width,
            seed=self.seed,
        )
        return LeagueSettings(
            rounds=self.rounds,
            round_steps=self.steps,
            response_steps=self.response_steps,
            games=self.games,
            response_games=self.games,
            training=training,
        )


class ArenaRatingsConfig(LaunchpadConfig):
    """The games that everybody is rated by."""

    games: int = Field(
        100,
        ge=2,
        description="Of every two. With as many as in the league none of its matches is played "
        "again. More make intervals narrower: four times as many halve them.",
    )


class ArenaBenchmarksConfig(LaunchpadConfig):
    """Which benchmarks are run on the last policy of the league, and how."""

    transfer: bool = Field(True, description="From made maps to drawn ones.")
    generalist: bool = Field(
        True, description="Beside specialists; with the default steps it can claim nothing."
    )
    historical: bool = Field(True, description="Battles of the past; half a minute.")
    policy_attacks: bool = Field(
        False,
        description="The policy has the attackers of these battles. Without, the scripted players "
        "tell whether the game is still what it was.",
    )
    opponent: str = Field("scripted_l3", description="Whom games are against.")
    games: int = Field(
        200, ge=2, description="Of each condition of the transfer; 1,000 in the full benchmark."
    )
    finetune_steps: int = Field(
        100_000, ge=1, le=500_000, description="Of going on learning; 500,000 in the full one."
    )
    setups: int = Field(
        2, ge=1, le=20, description="Of the generalist; 20 in the full one, which takes hours."
    )
    setup_games: int = Field(100, ge=2, description="Of each set-up and condition; 200 in full.")
    specialist_steps: int = Field(
        100_000,
        ge=1,
        description="Of each specialist; with fewer than 1,000,000 nothing is claimed and the "
        "benchmark fails.",
    )
    envs: int = Field(256, ge=1, le=65_536, description="Games at the same time.")

    @model_validator(mode="after")
    def _can_be_run(self) -> Self:
        _require_scripted("opponent", self.opponent)
        if not (self.transfer or self.generalist or self.historical):
            raise ValueError(f"one of {TRANSFER}, {GENERALIST} and {HISTORICAL} must be true")
        return self

    def plan(self) -> BenchmarkPlan:
        """The same as the benchmarks take it."""
        opponent, tuned = self.opponent, self.finetune_steps
        return BenchmarkPlan(
            transfer=TransferSettings(opponent=opponent, games=self.games, finetune_steps=tuned)
            if self.transfer
            else None,
            generalist=GeneralistSettings(
                opponent=opponent,
                games=self.setup_games,
                n_scenarios=self.setups,
                finetune_steps=tuned,
                specialist_steps=self.specialist_steps,
            )
            if self.generalist
            else None,
            historical=HistoricalSettings() if self.historical else None,
            policy_attacks=self.policy_attacks,
            training=PolicyTrainingConfig(n_envs=self.envs),
        )


def _policy(pack: GamePack) -> dg.AssetsDefinition:
    keys = GameKeys.of(pack)
    code = code_version_behind(*POLICY_CODE)

    @dg.asset(
        key=keys.arena_policy,
        deps=[keys.policies],
        group_name=GROUP,
        kinds={"pytorch"},
        code_version=code,
        description="A policy that has learned by playing, from a copy of the cloned policies on: "
        "how often it wins against them and others, its curves, and one of its games as a film.",
    )
    def policy(
        context: dg.AssetExecutionContext,
        config: ArenaPolicyConfig,
        artifacts: Artifacts,
        paths: Paths,
    ) -> dg.MaterializeResult[Any]:
        clones: tuple[Artifact, ...] = ()
        if config.from_clone:
            clones = (latest(context.instance, artifacts.store, keys.policies),)
        key, recipe = keys.arena_policy, config.recipe
        build = AssetBuild(context, artifacts.store, key, code, recipe, clones)

        def write(folder: Path, work: Path) -> None:
            clone = TrainedPolicies.open(clones[0].path).folder if clones else None
            plan = PolicyPlan(games=config.games, film_seed=config.film_seed)
            ArenaPolicy.write(folder, config.training(clone, work), plan, build.report)

        return build_in_working_folder(build, paths, write, show_policy)

    return policy


def _league(pack: GamePack) -> dg.AssetsDefinition:
    keys = GameKeys.of(pack)
    code = code_version_behind(*LEAGUE_CODE)

    @dg.asset(
        key=keys.arena_league,
        deps=[keys.arena_policy],
        group_name=GROUP,
        kinds={"pytorch"},
        code_version=code,
        description="Rounds in which the policy learns from itself: who wins how often against "
        "whom, how strong and how exploitable each round has made it, and a match as a film.",
    )
    def league(
        context: dg.AssetExecutionContext,
        config: ArenaLeagueConfig,
        artifacts: Artifacts,
        paths: Paths,
    ) -> dg.MaterializeResult[Any]:
        policy = latest(context.instance, artifacts.store, keys.arena_policy)
        key, recipe = keys.arena_league, config.model_dump(mode="json")
        build = AssetBuild(context, artifacts.store, key, code, recipe, (policy,))

        def write(folder: Path, work: Path) -> None:
            settings = config.settings(ArenaPolicy.open(policy.path).weights)
            ArenaLeague.write(folder, settings, work, config.film_seed, build.report)

        return build_in_working_folder(build, paths, write, show_league)

    return league


def _ratings(pack: GamePack) -> dg.AssetsDefinition:
    keys = GameKeys.of(pack)
    code = code_version_behind(*RATINGS_CODE)

    @dg.asset(
        key=keys.arena_ratings,
        deps=[keys.arena_league],
        group_name=GROUP,
        kinds={"json"},
        code_version=code,
        description="How strong every policy of the league is beside all players by script: "
        "Bradley-Terry with intervals and Elo, from matches of everybody against everybody.",
    )
    def ratings(
        context: dg.AssetExecutionContext,
        config: ArenaRatingsConfig,
        artifacts: Artifacts,
        paths: Paths,
    ) -> dg.MaterializeResult[Any]:
        league = latest(context.instance, artifacts.store, keys.arena_league)
        key, recipe = keys.arena_ratings, config.model_dump(mode="json")
        build = AssetBuild(context, artifacts.store, key, code, recipe, (league,))

        def write(folder: Path, work: Path) -> None:
            played = ArenaLeague.open(league.path)
            ArenaRatings.write(folder, played, config.games, work, build.report)

        return build_in_working_folder(build, paths, write, show_ratings)

    return ratings


def _benchmarks(pack: GamePack) -> dg.AssetsDefinition:
    keys = GameKeys.of(pack)
    code = code_version_behind(*BENCHMARK_CODE)

    @dg.asset(
        key=keys.arena_benchmarks,
        deps=[keys.arena_league],
        group_name=GROUP,
        kinds={"json"},
        code_version=code,
        description="What the last policy of the league can: on drawn maps, in set-ups beside "
        "specialists, and whether battles of the past end as they did. Each passes or fails with "
        "an interval.",
    )
    def benchmarks(
        context: dg.AssetExecutionContext,
        config: ArenaBenchmarksConfig,
        artifacts: Artifacts,
        paths: Paths,
    ) -> dg.MaterializeResult[Any]:
        league = latest(context.instance, artifacts.store, keys.arena_league)
        key, recipe = keys.arena_benchmarks, config.model_dump(mode="json")
        build = AssetBuild(context, artifacts.store, key, code, recipe, (league,))

        def write(folder: Path, work: Path) -> None:
            last = ArenaLeague.open(league.path).last
            ArenaBenchmarks.write(folder, last, config.plan(), work, build.report)

        return build_in_working_folder(build, paths, write, show_benchmarks)

    return benchmarks


def _require_scripted(field: str, player: str, otherwise: str = "") -> None:
    if player not in SKILLS:
        raise ValueError(f"{field}: must be one of {', '.join(SKILLS)}{otherwise} (got {player})")


def show_policy(folder: Path) -> Metadata:
    """How often it wins against whom, curves, evaluations, and a game."""
    policy = ArenaPolicy.open(folder)
    facts = policy.facts
    evaluated = facts.history.evaluations
    return {
        "steps": facts.steps,
        "learned_against": ", ".join(Path(name).name for name in facts.rivals),
        "began_as": "a copy of the cloned policies" if facts.begins_as_clone else "nothing",
        **({} if facts.same_act is None else {"copy_acts_alike": f"{facts.same_act:.0%}"}),
        "wins": table(
            ["against", "wins", "draws", "losses", "share of wins"],
            ([Path(one.opponent).name, one.wins, one.draws, one.losses, one.told]
             for one in facts.judged),
        ),
        PREVIEW: [
            drawing(policy.curves, "wins and losses by step"),
            film(policy.film, f"against {Path(facts.filmed).name}"),
        ],
        "film": facts.film_result,
        "evaluations": table(
            ["steps", "against", "share of wins"],
            ([one.step, Path(one.opponent).name, f"{one.share:.0%} (95%: {one.win_rate})"]
             for one in evaluated),
        ),
        "weights": dg.MetadataValue.path(str(policy.weights)),
        "watch": f"outpost play watch {policy.weights} scripted_l5 --out film.webp",
        "tensorboard": f"uv run tensorboard --logdir {policy.event_files}",
    }  # fmt: skip


def show_league(folder: Path) -> Metadata:
    """The matrix of matches, curves, a match, and how strong and exploitable each round is."""
    league = ArenaLeague.open(folder)
    standing = league.standing
    rated = {one.player: one for one in standing.bradley_terry}
    return {
        "rounds": league.facts.rounds,
        "matches": len(standing.matches),
        "games": sum(one.result.n_episodes for one in standing.matches),
        PREVIEW: [
            drawing(league.matrix, "who wins against whom"),
            drawing(league.curves, "ratings, exploitability"),
            film(league.film, f"{standing.rounds[-1].name} against the start"),
        ],
        "film": league.facts.film_result,
        "policies": table(
            ["", "rating (95%)", "its response wins (95%)", "bound", "proxy"],
            (
                [
                    one.name,
                    f"{rated[one.name].rating:.0f} ({_points(rated[one.name].interval)})",
                    f"{one.response.share:.0%} ({one.response.win_rate})",
                    f"{one.response.bound:.3f}",
                    f"{standing.proxies[one.name]:.3f}" if one.name in standing.proxies else "",
                ]
                for one in standing.rounds
            ),
        ),
        "last_policy": dg.MetadataValue.path(str(league.last)),
        "watch": f"outpost play watch {league.last} scripted_l5 --out film.webp",
    }


def show_ratings(folder: Path) -> Metadata:
    """Everybody's rating with its interval, and over the rounds."""
    ratings = ArenaRatings.open(folder)
    rated = ratings.rated
    elo = {one.player: one for one in rated.elo}
    strongest = rated.bradley_terry[0]
    worst = max(rated.matches, key=lambda one: abs(one.result.score - rated.expected(one)))
    return {
        "strongest": f"{strongest.player}: {strongest.rating:.0f} ({_points(strongest.interval)})",
        "matches": len(rated.matches),
        "games": sum(one.result.n_episodes for one in rated.matches),
        PREVIEW: [
            drawing(ratings.chart, "ratings, 95% intervals"),
            drawing(ratings.curves, "ratings over the rounds"),
        ],
        "ratings": table(
            ["player", "Bradley-Terry (95%)", "Elo", "Elo, by the order of games", "games"],
            (
                [
                    one.player,
                    f"{one.rating:.0f} ({_points(one.interval)})",
                    f"{elo[one.player].rating:.0f}",
                    f"{elo[one.player].lowest:.0f} to {elo[one.player].highest:.0f}",
                    one.games,
                ]
                for one in rated.bradley_terry
            ),
        ),
        "farthest_from_ratings": f"{worst.first} scores {worst.result.score:.0%} against "
        f"{worst.second}; expected are {rated.expected(worst):.0%}",
    }


def show_benchmarks(folder: Path) -> Metadata:
    """Each benchmark's verdict, its criteria and its chart."""
    benchmarks = ArenaBenchmarks.open(folder)
    return {
        **{result.benchmark: result.verdict for result in benchmarks.results},
        "criteria": table(
            ["benchmark", "criterion", "asked", "measured (95%)", "verdict"],
            (
                [
                    result.benchmark,
                    one.name,
                    f"{one.direction} {one.bound:.3f}",
                    f"{one.measured:.3f} ({one.interval or 'counted exactly'})",
                    one.verdict,
                ]
                for result in benchmarks.results
                for one in result.criteria
            ),
        ),
        PREVIEW: [
            drawing(benchmarks.chart_of(result), f"{result.benchmark}: {result.verdict}")
            for result in benchmarks.results
        ],
    }


def _points(interval: Any) -> str:
    return f"{interval.low:.0f} to {interval.high:.0f}"
