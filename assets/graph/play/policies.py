"""Policies cloned from recorded play, trained where the detector is trained, and judged by playing.

The three are one asset: they learn from the same sessions with one delay, play together alone, and
the runtime refuses three that are not from one training.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import dagster as dg
from pydantic import Field

from assets.core.building import AssetBuild, Metadata, build_asset, latest, notice
from assets.core.keys import GameKeys
from assets.core.launchpad import LaunchpadConfig
from assets.core.metadata import PREVIEW, drawing, image, limited, literal, table
from assets.graph.play.recordings import GROUP, is_played, recorded_versions
from assets.graph.training import job_listener, run_on_host, show_bill
from pipeline.games.pack import GamePack
from pipeline.jobs.events import JobEvent
from pipeline.play.policies.artifacts.policy_evaluation import (
    EvaluationPlan,
    PolicyEvaluation,
    RecordedPlayer,
)
from pipeline.play.policies.artifacts.policy_job import (
    PolicySpec,
    policy_job_spec,
    write_policy_job,
)
from pipeline.play.policies.artifacts.sessions import SessionPlay
from pipeline.play.policies.artifacts.targets import measured_targets
from pipeline.play.policies.artifacts.trained_policies import TrainedPolicies
from pipeline.play.policies.cloning import ROLES
from pipeline.play.policies.following import PolicyEpoch
from pipeline.play.policies.judging import PlayerResult
from pipeline.play.policies.settings import PRESETS, CloneSettings, Preset
from pipeline.play.recordings.chosen_sessions import (
    SessionChoice,
    TooFewSessionsError,
    choose_sessions,
    read_play,
    require_enough,
)
from pipeline.play.recordings.events import RecordingError
from pipeline.play.recordings.recorded_session import RecordedSession
from pipeline.play.stored_demonstrations import write_demonstration
from pipeline.progress import track
from pipeline.provenance import code_version_behind
from pipeline.training.library.checkpoints import find_checkpoint
from resources.artifacts import Artifacts, ArtifactStore
from resources.files import remove_tree
from resources.gpu import Gpu

POLICY_CODE = (
    "pipeline.play.policies.artifacts.policy_job",
    "pipeline.play.policies.artifacts.trained_policies",
    "pipeline.play.recordings.chosen_sessions",
)
"""With all that they import they decide what is learned."""
PROGRAM_CODE = (
    "detector_runtime.policies",
    "pipeline.jobs.program",
    "pipeline.play.policies.policy_program",
)
NOT_POLICY_CODE = frozenset({"pipeline.training.curves"})
"""How curves are drawn."""
EVALUATION_CODE = ("pipeline.play.policies.artifacts.policy_evaluation",)
NAMES_SHOWN = 30


def policy_assets(pack: GamePack) -> list[dg.AssetsDefinition]:
    """Policies and how they play; nothing for games that are not played here."""
    return [_policies(pack), _policy_evaluation(pack)] if is_played(pack) else []


class PolicyConfig(LaunchpadConfig):
    """What policies learn from, and how long; epochs of 0 are those of the preset."""

    preset: Preset = Field(
        "brief",
        description="Epochs, batches and rates: brief for minutes on one core, quick for a look, "
        "small for less than half an hour of play, standard, or large for hours of play.",
    )
    delay: int = Field(
        0,
        ge=0,
        le=40,
        description="Ticks by which what they see will be late; a second has 20.",
    )
    strategist_epochs: int = Field(0, ge=0, description="In place of the preset's.")
    tactician_epochs: int = Field(0, ge=0, description="In place of the preset's.")
    executor_epochs: int = Field(0, ge=0, description="In place of the preset's.")
    rate_factor: float = Field(1.0, gt=0, le=10, description="Of the preset's learning rates.")
    width: int = Field(64, ge=8, le=1024, multiple_of=4, description="Features of a layer.")
    layers: int = Field(2, ge=1, le=24, description="Of each network.")
    held_out: float = Field(0.15, gt=0, lt=1, description="Share of sessions to measure on.")
    keep_every: int = Field(5, ge=1, description="Every so many epochs a checkpoint is kept.")
    kept: int = Field(3, ge=0, description="The latest of those; older ones are removed.")
    seed: int = Field(0, ge=0, lt=1 << 63, description="Of weights, order and hidden acts.")
    sessions: list[str] = Field(
        [], description="Names of the recorded sessions to learn from; all without any."
    )
    left_out: list[str] = Field([], description="Names of those not to learn from.")
    players: list[str] = Field(
        [], description="Who must have played: person, scripted_l5, ...; anybody without any."
    )
    with_problems: bool = Field(
        False, description="Learn from sessions with gaps, little play and the like, too."
    )
    resume: str = Field(
        "",
        description="Folder of a training that was ended, to go on from its newest checkpoint: "
        "the run's error names it. Everything else must be as it was.",
    )

    def settings(self) -> CloneSettings:
        """How to train."""
        preset = PRESETS[self.preset]
        names = ("delay", "width", "layers", "held_out", "keep_every", "kept", "seed")
        changed: dict[str, Any] = {name: getattr(self, name) for name in names}
        for role in ROLES:
            usual = preset.of(role)
            epochs = getattr(self, f"{role}_epochs") or usual.epochs
            rate = usual.learning_rate * self.rate_factor
            changed[role] = {"epochs": epochs, "batch": usual.batch, "learning_rate": rate}
        return CloneSettings.model_validate({**preset.model_dump(), **changed})

    def choice(self) -> SessionChoice:
        """Which sessions to learn from."""
        names = ("sessions", "left_out", "players")
        chosen = {name: tuple(getattr(self, name)) for name in names}
        return SessionChoice(**chosen, with_problems=self.with_problems)


class JudgingConfig(LaunchpadConfig):
    """The games that policies are judged by."""

    games: int = Field(400, ge=2, description="Of each player; rounded up to an even number.")
    opponent: str = Field(
        "",
        description="Whom they meet: random, or scripted_l1 to scripted_l5; without a name the one "
        "that those whom they learned from have met most often.",
    )
    seed: int = Field(0, ge=0, lt=1 << 62, description="Of the first game.")


def _policies(pack: GamePack) -> dg.AssetsDefinition:
    keys = GameKeys.of(pack)
    code = code_version_behind(*POLICY_CODE, without=NOT_POLICY_CODE, whole=PROGRAM_CODE)

    @dg.multi_asset(
        name=f"{pack.name}__policies",
        specs=[
            dg.AssetSpec(
                keys.policies,
                deps=[
                    dg.AssetDep(keys.recordings, partition_mapping=dg.AllPartitionMapping()),
                ],
                group_name=GROUP,
                kinds={"pytorch", "onnx"},
                code_version=code,
                skippable=True,
                description="A strategist, a tactician and an executor that have learned from "
                "recorded play: ONNX models that play together, checkpoints to go on from, curves, "
                "and what each reaches on sessions that it has not learned from.",
            )
        ],
        pool="gpu",
    )
    def policies(
        context: dg.AssetExecutionContext, config: PolicyConfig, artifacts: Artifacts, gpu: Gpu
    ) -> Iterator[dg.MaterializeResult[Any]]:
        training = PolicyTraining(context, artifacts.store, gpu, pack, config)
        yield from training.make(code)

    return policies


def _policy_evaluation(pack: GamePack) -> dg.AssetsDefinition:
    keys = GameKeys.of(pack)
    code = code_version_behind(*EVALUATION_CODE, whole=("detector_runtime.policies",))

    @dg.asset(
        key=keys.policy_evaluation,
        deps=[keys.policies],
        group_name=GROUP,
        kinds={"json"},
        code_version=code,
        description="How the policies play: wins, returns, loot and survival over whole games, "
        "beside a random player and those whom they learned from, with intervals; and one game.",
    )
    def policy_evaluation(
        context: dg.AssetExecutionContext, config: JudgingConfig, artifacts: Artifacts
    ) -> dg.MaterializeResult[Any]:
        policies = latest(context.instance, artifacts.store, keys.policies)
        plan = EvaluationPlan(**config.model_dump())
        recipe = plan.model_dump(mode="json")
        store, key = artifacts.store, keys.policy_evaluation
        build = AssetBuild(context, store, key, code, recipe, (policies,))

        def write(folder: Path) -> None:
            trained = TrainedPolicies.open(policies.path)
            PolicyEvaluation.write(folder, trained, plan, build.report)

        return build_asset(build, write, show_evaluation)

    return policy_evaluation


@dataclass(frozen=True)
class PolicyTraining:
    """One run of the policies' asset.

    Attributes:
        left_out: why sessions are not learned from, by name; grows.
    """

    context: dg.AssetExecutionContext
    store: ArtifactStore
    gpu: Gpu
    pack: GamePack
    config: PolicyConfig
    left_out: dict[str, str] = field(default_factory=dict)

    def make(self, code: str) -> Iterator[dg.MaterializeResult[Any]]:
        """Train, or say in words why not; nothing is materialized where there is too little."""
        keys, choice = GameKeys.of(self.pack), self.config.choice()
        versions = recorded_versions(self.context.instance, keys)
        recorded = {name: self.store.open(version) for name, version in versions.items()}
        qualities = {
            name: RecordedSession.open(session.path).quality for name, session in recorded.items()
        }
        chosen = choose_sessions(qualities, choice)
        for name, why in chosen.left_out.items():
            self._leave_out(name, why)
        settings = self.config.settings()
        recipe = {
            "settings": settings.model_dump(mode="json"),
            "players": sorted(choice.players),
        }
        inputs = tuple(recorded[name] for name in chosen.names)
        build = AssetBuild(self.context, self.store, keys.policies, code, recipe, inputs)
        try:
            require_enough(chosen.names)
            yield build_asset(
                build, lambda folder: self._train(folder, settings, build), self._show
            )
        except TooFewSessionsError as error:
            notice(self.context.log.info, f"No policies are trained. {error.problem} {error.fix}")
        with suppress(OSError):  # a file in use; the garbage collection finds the folder later
            remove_tree(self.job_folder)

    @cached_property
    def job_folder(self) -> Path:
        return self.gpu.paths.state.jobs / f"{self.context.run.run_id[:8]}-{time.time_ns()}"

    def _train(self, folder: Path, settings: CloneSettings, build: AssetBuild) -> None:
        resume = find_checkpoint(Path(self.config.resume)) if self.config.resume else None
        # Beside the job's folder, which must be empty; both are removed together.
        demonstrations = self.job_folder / "sessions"
        plays = self._demonstrate(demonstrations, build)
        names = tuple(play.name for play in plays)
        require_enough(names)
        spec = PolicySpec(game=self.pack.name, settings=settings, sessions=names)
        job = write_policy_job(self.job_folder / "job", spec, demonstrations, resume)
        self._run(spec, job)
        TrainedPolicies.write(folder, job.parent, plays)

    def _demonstrate(self, folder: Path, build: AssetBuild) -> list[SessionPlay]:
        """Write what the sessions demonstrate into a folder; those that can be learned from."""
        folder.mkdir(parents=True)
        plays: list[SessionPlay] = []
        inputs, choice = build.inputs, self.config.choice()
        for session in track(inputs, len(inputs), "read the sessions", build.report):
            name = str(session.version.partition)
            try:
                shown, play = read_play(name, RecordedSession.open(session.path), choice)
            except RecordingError as error:
                self._leave_out(name, error.problem)
                continue
            write_demonstration(shown, folder)
            plays.append(play)
        return plays

    def _leave_out(self, name: str, why: str) -> None:
        self.left_out[name] = why
        notice(self.context.log.warning, f"The session {name} is not learned from: {why}")

    def _show(self, folder: Path) -> Metadata:
        """The page, with the sessions that this run has left out."""
        rows = [[literal(name), literal(why)] for name, why in sorted(self.left_out.items())]
        left_out = table(["session", "why"], limited(rows[:NAMES_SHOWN], len(rows)))
        return {**show_policies(folder), "not_learned_from": left_out}

    def _run(self, spec: PolicySpec, job: Path) -> None:
        log = self.context.log
        run_on_host(self.gpu, policy_job_spec(spec), job, _listener(log), log)


def _listener(log: dg.DagsterLogManager) -> Callable[[JobEvent], None]:
    def on_event(event: JobEvent) -> None:
        if isinstance(event, PolicyEpoch) and not event.restored:
            notice(log.info, _epoch_line(event))

    return job_listener(log, on_event)


def _epoch_line(epoch: PolicyEpoch) -> str:
    measures = ", ".join(f"{name} {value:.3f}" for name, value in epoch.held_out.items())
    return f"{epoch.stage} epoch {epoch.epoch}/{epoch.epochs}: on held-out sessions {measures}"


def show_policies(folder: Path) -> Metadata:
    """Curves, what each reaches beside what it should, checkpoints, and how they came to be."""
    trained = TrainedPolicies.open(folder)
    cloned, device = trained.cloned, trained.environment
    held_out = [[literal(name)] for name in cloned.held_out_sessions]
    return {
        "sessions": len(cloned.sessions) + len(cloned.held_out_sessions),
        "minutes_of_play": cloned.minutes,
        "players": ", ".join(sorted({one.player for one in trained.sessions})),
        "targets": table(
            ["on held-out sessions", "measured", "should be"],
            (
                [target.text, "not measured" if value is None else f"{value:.1%}", target.wanted]
                for target, value in measured_targets(cloned)
            ),
        ),
        PREVIEW: [drawing(trained.curves, "losses and shares by epoch")],
        "learned": table(
            ["policy", "epochs", "best", "examples", "held out"],
            (
                [
                    role,
                    f"{one.epochs} of {cloned.settings.of(role).epochs}",
                    one.best_epoch,
                    one.examples,
                    one.held_out_examples,
                ]
                for role, one in sorted(cloned.policies.items())
            ),
        ),
        "checkpoints": table(
            ["policy", "checkpoint", "epoch", "held-out loss", "MB"],
            (
                [one.role, one.name, one.epoch, one.held_out["loss"], round(one.bytes / 1e6, 2)]
                for one in trained.checkpoints()
            ),
        ),
        "held_out_sessions": table(["session"], limited(held_out[:NAMES_SHOWN], len(held_out))),
        "tensorboard": f"uv run tensorboard --logdir {trained.event_files}",
        **({"device": device.device} if device else {}),
        "job": dg.MetadataValue.json(trained.spec.model_dump(mode="json", exclude={"sessions"})),
        **show_bill(trained.bill),
    }


def show_evaluation(folder: Path) -> Metadata:
    """Wins and returns of all players with intervals, shares of returns, and a game."""
    evaluation = PolicyEvaluation.open(folder)
    verdict, judgement = evaluation.verdict, evaluation.verdict.judgement
    policies = judgement.players[0]
    return {
        "wins": f"{policies.wins / judgement.games:.0%} (95%: {policies.win_rate})",
        "return": policies.returns.told(),
        "opponent": judgement.opponent,
        "games": judgement.games,
        "players": table(
            ["player", "wins", "return", "loot", "units that live", "seconds"],
            (_row(one, judgement.games) for one in judgement.players),
        ),
        "ahead_of": table(
            ["player", "return less the player's, in the same games"],
            ([name, lead.told()] for name, lead in judgement.return_leads.items()),
        ),
        "learned_from": table(
            ["player", "sessions", "return in them", "share of it that the policies reach"],
            (_recorded_row(one) for one in verdict.recorded),
        ),
        PREVIEW: [image(evaluation.strip, "a game of the policies")],
    }


def _row(one: PlayerResult, games: int) -> list[str]:
    means = (one.returns, one.loot, one.survival, one.seconds)
    return [
        one.player,
        f"{one.wins / games:.0%} ({one.win_rate})",
        *(mean.told() for mean in means),
    ]


def _recorded_row(one: RecordedPlayer) -> list[object]:
    share = "its return is not certainly above 0"
    if one.share is not None:
        share = f"{one.share.told()}, in {'the same' if one.is_paired else 'other'} games"
    elif one.returns is None and not one.is_paired:
        share = "not known"
    returns = one.returns.told() if one.returns else "none was played to its end"
    return [literal(one.player), one.sessions, returns, share]
