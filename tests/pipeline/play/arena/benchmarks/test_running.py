"""Benchmarks of a moment: what is played and trained, and that it goes on."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.play.arena import TrainingConfig
from pipeline.play.arena.benchmarks.battles import read_battles
from pipeline.play.arena.benchmarks.generalist import GeneralistSettings, run_generalist
from pipeline.play.arena.benchmarks.historical import play_battles, play_some, run_historical
from pipeline.play.arena.benchmarks.reports import RESULT_FILE, write_report
from pipeline.play.arena.benchmarks.trainings import fine_tuning
from pipeline.play.arena.benchmarks.transfer import TransferSettings, run_transfer
from pipeline.play.arena.benchmarks.verdicts import BenchmarkError, BenchmarkResult
from pipeline.play.arena.learner.model import load_model, save_model
from pipeline.play.arena.learner.network import ChoiceNetwork
from pipeline.play.arena.training.api import go_on
from pipeline.play.simulator.hand_made.scenarios import drawn_scenarios

TINY = TrainingConfig(n_envs=8, n_steps=8, batch_size=32, width=8)


@pytest.fixture(scope="module")
def policy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("policy") / "policy.safetensors"
    save_model(ChoiceNetwork(8), file)
    return file


def test_some_battles_end_as_recorded() -> None:
    battles = read_battles()
    some = range(0, len(battles.battles), 108)
    assert list(play_some(battles, some)) == [battles.battles[n].recorded for n in some]


@pytest.mark.exhaustive
def test_all_battles_end_as_recorded() -> None:
    assert run_historical().criteria[1].passes


def test_battles_end_as_recorded_and_otherwise_with_others() -> None:
    battles = read_battles()
    # The games of a battle follow from how many there are, so that some alone are others.
    two = battles.model_copy(update={"battles": battles.battles[:2], "games": 4})
    again = [play_battles(two) for _time in range(2)]
    assert again[0] == again[1]
    recorded = tuple(
        battle.model_copy(update={"recorded": games})
        for battle, games in zip(two.battles, again[0], strict=True)
    )
    known = two.model_copy(update={"battles": recorded})
    assert run_historical(battles=known).criteria[1].passes
    weak = run_historical("random", known)
    assert weak.shares[-1].count < again[0][-1].wins
    assert not weak.criteria[1].passes
    with pytest.raises(BenchmarkError, match="was not recorded"):
        unknown = recorded[0].model_copy(update={"recorded": None})
        run_historical(battles=two.model_copy(update={"battles": (unknown,)}))


@pytest.mark.slow
def test_transfer_trains_on_drawn_maps_and_goes_on(policy: Path, tmp_path: Path) -> None:
    # The rate of learning ends at zero, so that one rollout alone would change nothing.
    settings = TransferSettings(opponent="random", games=2, finetune_steps=128)
    result = run_transfer(policy, tmp_path / "trainings", settings, TINY)
    assert [share.of for share in result.shares] == [2, 2, 2]
    (training,) = (tmp_path / "trainings").glob("*/ppo_skirmish_final.safetensors")
    trained = load_model(training).network.state_dict()
    before = load_model(policy).network.state_dict()
    assert any((trained[name] != before[name]).any() for name in before)
    write_report(result, tmp_path)
    assert BenchmarkResult.model_validate_json((tmp_path / RESULT_FILE).read_bytes()) == result
    weights = training.read_bytes()
    same = TINY.with_changes(checkpoint_dir=tmp_path / "trainings", total_timesteps=128)
    # Of another configuration it would be refused.
    again = go_on(fine_tuning(same, policy, "random", drawn_scenarios())).last
    assert (again, again.read_bytes()) == (training, weights)
    assert len(list((tmp_path / "trainings").glob("*/config.json"))) == 1


@pytest.mark.slow
def test_generalist_trains_beside_specialists(policy: Path, tmp_path: Path) -> None:
    settings = GeneralistSettings(
        opponent="random", games=2, n_scenarios=1, finetune_steps=64, specialist_steps=64
    )
    result = run_generalist(policy, tmp_path, settings, TINY)
    assert [share.condition for share in result.shares[:3]] == [
        "zero-shot", "fine-tuned", "specialist",
    ]  # fmt: skip
    assert not result.criteria[1].passes
    assert len(list(tmp_path.glob("plain_skirmish/*/*/ppo_skirmish_final.safetensors"))) == 2


def test_who_does_not_learn_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BenchmarkError, match="cannot go on learning"):
        run_transfer(Path("scripted_l5"), tmp_path)
