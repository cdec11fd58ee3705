"""Policies as assets: what they learn from, when they do, and what their pages show."""

from __future__ import annotations

import contextlib
import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import psutil
import pytest
import yaml
from doubles.artifacts import recorded
from doubles.gpu_jobs import gpu_python
from doubles.pages import shown
from doubles.sessions import session_info, some_events
from doubles.sshd import needs_sshd, running_sshd
from PIL import Image

from assets.automation.policy_sensor import NEW_SESSIONS, policy_sensors
from assets.core.building import DATA_VERSION_TAG, NOTICE_LOGGER, latest_version
from assets.core.keys import GameKeys
from assets.core.launchpad import LaunchpadError
from assets.core.runs import CheckFailedError, materialize
from assets.definitions import build_definitions
from assets.graph.play.policies import JudgingConfig, PolicyConfig, show_evaluation
from pipeline.evaluation.metrics.intervals import wilson
from pipeline.games.pack import load_pack
from pipeline.jobs.failures import JobFailedError
from pipeline.play.policies.artifacts.policy_evaluation import (
    EvaluationPlan,
    PolicyEvaluation,
    PolicyVerdict,
    RecordedPlayer,
    random_problems,
)
from pipeline.play.policies.artifacts.targets import missed_targets
from pipeline.play.policies.artifacts.trained_policies import TrainedPolicies
from pipeline.play.policies.judging import POLICIES, Mean, PlayerResult, PolicyJudgement
from pipeline.play.recordings.events import RecordingError
from pipeline.play.recordings.quality import SessionQuality
from pipeline.play.recordings.reader import open_session
from pipeline.play.recordings.recorded_session import RecordedSession
from pipeline.play.recordings.simulated_play import planned_games, record_games
from pipeline.play.recordings.writer import SessionWriter
from pipeline.provenance import Recipe
from pipeline.visualization.tiles import encode_jpeg
from resources.defaults import Resources
from resources.gpu import Gpu, Provider
from resources.gpu.hosts.keys import own_key, public_line
from resources.instance import open_instance
from resources.paths import Paths

KEYS = GameKeys("demo")
ROOT = Path(__file__).parents[2]
TINY = {
    "strategist_epochs": 1,
    "tactician_epochs": 1,
    "executor_epochs": 1,
    "width": 8,
    "layers": 1,
}


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three recorded sessions, which the tests copy."""
    folder = tmp_path_factory.mktemp("played")
    assert len([*record_games(folder, planned_games("scripted_l3", "random", [2, 3, 4]))]) == 3
    return folder


@dataclass
class Play:
    """A state folder, and Dagster's instance of it."""

    resources: Resources
    instance: dg.DagsterInstance
    definitions: dg.Definitions

    def record(self, name: str, session: Path) -> None:
        """Have a session in the store, as its asset leaves it."""
        self.store(name, lambda folder: RecordedSession.write(folder, open_session(session)))

    def store(self, name: str, write: Any) -> None:
        """Put an artifact of a session into the store and tell Dagster of it."""
        store, asset = self.resources.artifacts.store, KEYS.recordings.to_user_string()
        recipe = Recipe(asset=asset, partition=name, code_version="1", config={}, inputs=())
        with store.staging(asset, name) as staged:
            write(staged)
            _, record = store.commit(staged, recorded(recipe))
        self.instance.add_dynamic_partitions("demo_recorded_sessions", [name])
        tags = {DATA_VERSION_TAG: record.data_version}
        event = dg.AssetMaterialization(KEYS.recordings, partition=name, tags=tags)
        self.instance.report_runless_asset_event(event)

    def make(self, *keys: dg.AssetKey, games: int = 2, **config: Any) -> list[str]:
        """Materialize; what the run said."""
        ops: dict[str, Any] = {"demo__policies": {"config": {**TINY, **config}}}
        if KEYS.policy_evaluation in keys:
            ops["demo__play__policy_evaluation"] = {"config": {"games": games}}
        materialize(self.definitions, self.instance, keys, config=ops)
        return self.said()

    def said(self) -> list[str]:
        (run,) = self.instance.get_runs(limit=1)
        return [entry.user_message for entry in self.instance.all_logs(run.run_id)]

    def passed(self, asset: dg.AssetKey, name: str) -> bool:
        """Whether the newest run of a check has passed."""
        key = dg.AssetCheckKey(asset, name)
        (record, *_) = self.instance.event_log_storage.get_asset_check_execution_history(key, 1)
        assert record.event is not None
        assert record.event.asset_check_evaluation is not None
        return record.event.asset_check_evaluation.passed


@pytest.fixture
def play(tmp_path: Path) -> Iterator[Play]:
    resources = Resources.of(Paths.below(tmp_path / "home"))
    with open_instance(resources.state) as instance:
        yield Play(resources, instance, build_definitions("demo", {"paths": resources.paths}))


class Killer(logging.Handler):
    """Kills the program of a training as soon as its second policy has learned."""

    def emit(self, record: logging.LogRecord) -> None:
        if record.getMessage().startswith("tactician epoch 1/"):
            for child in psutil.Process().children(recursive=True):
                if any("program.pyz" in word for word in child.cmdline()):
                    child.kill()


@pytest.fixture
def killed(play: Play, played: Path) -> str:
    """The folder of a training that was killed, of three sessions and a copy of the first."""
    files = sorted(played.glob("*.mcap"))
    for file in files:
        play.record(file.stem, file)
    play.record("twin", files[0])
    killer = Killer()
    NOTICE_LOGGER.addHandler(killer)
    NOTICE_LOGGER.setLevel(logging.INFO)
    try:
        with pytest.raises(JobFailedError, match="The system ended the training of the policies"):
            play.make(KEYS.policies)
    finally:
        NOTICE_LOGGER.removeHandler(killer)
    said = play.said()
    assert any(line.startswith("strategist epoch 1/1: on held-out sessions acc") for line in said)
    assert play.instance.get_latest_materialization_event(KEYS.policies) is None
    (told,) = [line for line in said if "launch again with resume" in line]
    return str(re.findall("resume: '(.*)'", told)[0])


@pytest.mark.slow
def test_recorded_play_becomes_policies_that_are_judged(
    play: Play, played: Path, killed: str
) -> None:
    names = sorted(file.stem for file in played.glob("*.mcap"))
    # Policies of one epoch may play no better than by chance, which is a failed check then.
    with contextlib.suppress(CheckFailedError):
        play.make(KEYS.policies, KEYS.policy_evaluation, resume=killed)
    said = play.said()
    assert f"The session twin is not learned from: a copy of {names[0]}" in said
    assert any(line.startswith("Training three policies on c") for line in said)
    assert "Going on from the newest checkpoint" in said
    # What was told by the training that was killed is not told again.
    assert not any(line.startswith("strategist epoch") for line in said)
    assert any(line.startswith("executor epoch 1/1: on held-out sessions act 0.") for line in said)

    page = shown(play.instance, KEYS.policies)
    assert (page["outcome"], page["sessions"], page["players"]) == ("made", 3, "scripted_l3")
    assert "a copy of" in page["not_learned_from"]
    assert "goal of the strategist" in page["targets"]
    assert "| executor | best | 1 |" in page["checkpoints"]
    assert "| tactician | 1 of 1 | 1 |" in page["learned"]
    assert "losses and shares by epoch" in page["preview"]
    trained = TrainedPolicies.open(Path(page["folder"]))
    assert str(trained.event_files) in page["tensorboard"]
    version = latest_version(play.instance, KEYS.policies)
    assert version is not None
    (record,) = play.resources.artifacts.store.provenance_of(version)
    assert [one.partition for one in record.recipe.inputs] == names

    judged = shown(play.instance, KEYS.policy_evaluation)
    evaluation = PolicyEvaluation.open(Path(judged["folder"]))
    players = [one.player for one in evaluation.verdict.judgement.players]
    assert players == [POLICIES, "scripted_l3", "random"]
    assert (judged["opponent"], judged["games"]) == ("random", 2)
    assert "in the same games" in judged["learned_from"]
    assert "a game of the policies" in judged["preview"]
    missed = bool(missed_targets(trained.cloned))
    assert play.passed(KEYS.policies, "held_out_targets") is not missed
    beaten = not random_problems(evaluation.verdict)
    assert play.passed(KEYS.policy_evaluation, "beats_random") is beaten

    said = play.make(KEYS.policies)
    assert any("nothing that it depends on has changed" in line for line in said)
    assert shown(play.instance, KEYS.policies)["outcome"] == "unchanged, no work done"


@pytest.mark.exhaustive
@needs_sshd
def test_policies_learn_on_a_machine_behind_ssh(play: Play, played: Path, tmp_path: Path) -> None:
    for file in sorted(played.glob("*.mcap"))[:2]:
        play.record(file.stem, file)
    key_file, known_hosts = tmp_path / "keys" / "id_ed25519", tmp_path / "known_hosts"
    with running_sshd(tmp_path / "machine", public_line(own_key(key_file))) as machine:
        machine.install("python3", gpu_python())
        machine.write_known_hosts(known_hosts)
        gpu = Gpu(
            paths=play.resources.paths,
            provider=Provider.SSH,
            ssh_host=f"{machine.user}@{machine.host}:{machine.port}",
            ssh_key=str(key_file),
            ssh_known_hosts=str(known_hosts),
        )
        given = {"paths": play.resources.paths, "gpu": gpu}
        play.definitions = build_definitions("demo", given)
        said = play.make(KEYS.policies)
        assert list((machine.home / ".outpost" / "jobs").iterdir()) == []
    assert any(line.startswith("executor epoch 1/1") for line in said)
    page = shown(play.instance, KEYS.policies)
    assert (page["provider"], page["host"]) == ("ssh", "127.0.0.1")
    made = TrainedPolicies.open(Path(page["folder"]))
    assert {one.name for one in made.checkpoints()} == {"best", "last"}


def write_short_session(folder: Path, name: str) -> Path:
    """Two seconds of a scripted player, which is a problem."""
    with SessionWriter(folder, session_info(name)) as writer:
        for time, event in some_events():
            writer.write(time, event)
        return writer.finish()


def test_too_few_sessions_are_said_and_nothing_is_made(play: Play, tmp_path: Path) -> None:
    for name in ("one", "twin"):
        play.record(name, write_short_session(tmp_path, name))
    # What follows, and the checks, are left out then.
    said = play.make(KEYS.policies, KEYS.policy_evaluation)
    assert any("one is not learned from: it lasts 1.95 s" in line for line in said)
    assert any("0 recorded sessions are too few to learn from" in line for line in said)
    said = play.make(KEYS.policies, players=["person"], with_problems=True)
    assert "The session twin is not learned from: a copy of one" in said
    assert any("No policies are trained. 1 recorded sessions" in line for line in said)
    with pytest.raises(RecordingError, match="no recorded session nobody"):
        play.make(KEYS.policies, sessions=["nobody"])
    assert play.instance.get_latest_materialization_event(KEYS.policies) is None


def test_sessions_of_others_are_left_out_when_they_are_read(play: Play, tmp_path: Path) -> None:
    file = write_short_session(tmp_path, "one")
    play.record("one", file)
    play.store("two", lambda folder: write_quality(folder, 2, 60))
    said = play.make(KEYS.policies, players=["person"], with_problems=True)
    assert "The session one is not learned from: scripted_l3 has played." in said
    # A stored session that is damaged does not end the training of the others, either.
    assert any("The session two is not learned from: " in line for line in said)
    assert any("No policies are trained. 0 recorded sessions" in line for line in said)
    assert not list(play.resources.state.jobs.glob("*"))


def test_the_launchpad_changes_what_the_preset_says() -> None:
    settings = PolicyConfig(
        preset="quick", executor_epochs=7, delay=3, width=32, rate_factor=2
    ).settings()
    assert settings.executor.epochs == 7
    assert settings.executor.batch == 128
    assert settings.executor.learning_rate == 1e-3
    assert settings.strategist.epochs == 20
    assert (settings.delay, settings.width) == (3, 32)
    with pytest.raises(LaunchpadError, match="delay: must be at most 40"):
        PolicyConfig(delay=41)
    with pytest.raises(LaunchpadError, match="multiple of 4"):
        PolicyConfig(width=30)
    # As far as settings and games take it.
    assert PolicyConfig(seed=2**63 - 1).settings().seed == 2**63 - 1
    assert EvaluationPlan(**JudgingConfig(seed=2**62 - 1).model_dump()).seed == 2**62 - 1
    for config, seed in ((PolicyConfig, 2**63), (JudgingConfig, 2**62)):
        with pytest.raises(LaunchpadError, match="seed: must be less than"):
            config(seed=seed)


def test_a_page_says_why_a_share_is_not_known(tmp_path: Path) -> None:
    mean = Mean(mean=2.0, interval=None)
    figures = dict.fromkeys(("returns", "loot", "survival", "seconds"), mean)
    policies = PlayerResult(player=POLICIES, wins=1, draws=0, win_rate=wilson(1, 2), **figures)
    judgement = PolicyJudgement(
        opponent="random", games=2, players=(policies,), return_shares={}, return_leads={}
    )
    told = (("broke_off", None, None), ("lost", mean, None), ("won", mean, mean))
    recorded = tuple(
        RecordedPlayer(player=name, sessions=1, returns=returns, share=share, is_paired=False)
        for name, returns, share in told
    )
    verdict = PolicyVerdict(judgement=judgement, recorded=recorded)
    PolicyEvaluation.keep(tmp_path, verdict, encode_jpeg(Image.new("RGB", (16, 9))))
    rows = show_evaluation(tmp_path)["learned_from"].value.splitlines()[2:]
    assert [row.split(" | ")[2:] for row in rows] == [
        ["none was played to its end", "not known |"],
        ["2.00 (too few games for an interval)", "its return is not certainly above 0 |"],
        [
            "2.00 (too few games for an interval)",
            "2.00 (too few games for an interval), in other games |",
        ],
    ]


def test_the_launchpad_takes_what_the_how_to_shows() -> None:
    page = (ROOT / "docs" / "how-to" / "train-policies.md").read_text("utf-8")
    config: dict[str, Any] = yaml.safe_load(page.split("```yaml\n")[1].split("```")[0])
    job = build_definitions("demo").resolve_implicit_global_asset_job_def()
    validated = dg.validate_run_config(job, config)["ops"]
    for op in ("demo__policies", "demo__play__policy_evaluation"):
        given = config["ops"][op]["config"]
        assert {name: validated[op]["config"][name] for name in given} == given


def test_the_sensor_asks_for_a_training_once_enough_is_new(play: Play) -> None:
    (sensor,) = policy_sensors(load_pack("demo"))
    assert sensor.default_status is dg.DefaultSensorStatus.STOPPED

    def tick() -> Any:
        resources = {"artifacts": play.resources.artifacts}
        with dg.build_sensor_context(play.instance, resources=resources) as context:
            return sensor(context)

    for number in range(NEW_SESSIONS):
        deeds = 0 if number == 3 else 60
        play.store(f"s{number}", lambda folder, n=number, d=deeds: write_quality(folder, n, d))
    skipped = tick()
    assert isinstance(skipped, dg.SkipReason)
    assert f"{NEW_SESSIONS - 1} of {NEW_SESSIONS} sessions are new" in str(skipped.skip_message)
    play.store("another", lambda folder: write_quality(folder, 99, 60))
    asked = tick()
    assert isinstance(asked, dg.RunRequest)
    assert tick().run_key == asked.run_key

    learn(play)
    skipped = tick()
    assert isinstance(skipped, dg.SkipReason)
    assert "0 of 11 sessions are new" in str(skipped.skip_message)


def write_quality(folder: Path, number: int, deeds: int) -> None:
    """A session of which nobody asks more than what it is like."""
    quality = SessionQuality(
        seconds=60.0, damage=None, outcome=1, channels={}, goals={}, outcomes={}, actors={},
        deeds=deeds, opening=str(number),
    )  # fmt: skip
    (folder / "session.mcap").write_bytes(b"")
    (folder / "quality.json").write_text(quality.model_dump_json(), "utf-8")


def learn(play: Play) -> None:
    """Policies that were made from all sessions."""
    names = play.instance.get_dynamic_partitions("demo_recorded_sessions")
    found = (latest_version(play.instance, KEYS.recordings, name) for name in names)
    asset = KEYS.policies.to_user_string()
    inputs = tuple(one for one in found if one is not None)
    recipe = Recipe(asset=asset, partition=None, code_version="1", config={}, inputs=inputs)
    store = play.resources.artifacts.store
    with store.staging(asset, None) as staged:
        (staged / "any").write_bytes(b"")
        _, record = store.commit(staged, recorded(recipe))
    event = dg.AssetMaterialization(KEYS.policies, tags={DATA_VERSION_TAG: record.data_version})
    play.instance.report_runless_asset_event(event)


def test_games_that_are_not_played_have_no_policies() -> None:
    definitions = build_definitions("wesnoth")
    keys = definitions.resolve_asset_graph().get_all_asset_keys()
    assert not [key for key in keys if "policies" in key.path[-1]]
    assert policy_sensors(load_pack("wesnoth")) == []
