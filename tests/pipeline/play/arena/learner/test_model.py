"""Learned policies as files, and what they choose."""

from __future__ import annotations

import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from pipeline.play.arena import evaluate_detailed, run_episodes_with_model
from pipeline.play.arena.learner.environments import choice_space, observation_space
from pipeline.play.arena.learner.features import features_of, known_to
from pipeline.play.arena.learner.layout import layout_of
from pipeline.play.arena.learner.model import (
    LearnedModel,
    load_model,
    model_of,
    save_model,
    snapshot_of,
)
from pipeline.play.arena.learner.network import ChoiceNetwork, drawn_choices
from pipeline.play.arena.learner.policy import ChoicePolicy
from pipeline.play.arena.matches.models import ModelError
from pipeline.play.arena.matches.players import ContestantError
from pipeline.play.arena.opponents.snapshots import SnapshotError
from pipeline.play.arena.training.zip_files import ZipFileError, read_zip, write_zip
from pipeline.play.simulator.environments.perspective import observe_as_first
from pipeline.play.simulator.games import Games
from pipeline.play.simulator.rules import Act


@pytest.fixture(scope="module")
def network() -> ChoiceNetwork:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        return ChoiceNetwork(8)


@pytest.fixture(scope="module")
def features() -> torch.Tensor:
    games = Games.start(range(5))
    return torch.from_numpy(features_of(*known_to(games, 0), layout_of(0)))


def test_a_file_plays_as_what_was_written(network: ChoiceNetwork, tmp_path: Path) -> None:
    file = tmp_path / "policy.safetensors"
    save_model(network, file)
    seen = observe_as_first(Games.start(range(30)), 1)
    told = {"entities": seen.entities, "status": seen.status, "ground": seen.ground}
    expected, found = LearnedModel(network), load_model(file)
    for deterministic in (True, False):
        first, _ = expected.predict(told, deterministic=deterministic)
        second, _ = found.predict(told, deterministic=deterministic)
        assert np.array_equal(first, second)
    played = evaluate_detailed(file, 2, seed=0, opponent="random")
    assert played.n_episodes == 2


def test_a_policy_of_one_player_does_not_play_for_a_team(network: ChoiceNetwork) -> None:
    with pytest.raises(ModelError, match="does not play for a team"):
        run_episodes_with_model(
            LearnedModel(network), "random", 2, env_kwargs={"players_a_side": 2}
        )


def test_what_is_no_policy_is_told(network: ChoiceNetwork, tmp_path: Path) -> None:
    snapshot = snapshot_of(network)
    with pytest.raises(SnapshotError, match="'something'"):
        model_of(replace(snapshot, policy="something"))
    with pytest.raises(SnapshotError, match="no policy that this version plays"):
        model_of(replace(snapshot, settings={"width": 16}))
    (tmp_path / "policy.safetensors").write_bytes(b"nothing")
    with pytest.raises(SnapshotError, match="cannot be read"):
        evaluate_detailed(tmp_path / "policy.safetensors", 2)
    with pytest.raises(ContestantError, match="neither a scripted player nor"):
        evaluate_detailed(tmp_path / "absent.safetensors", 2)


def test_choices_are_drawn_by_their_chances_and_never_impossible(
    network: ChoiceNetwork, features: torch.Tensor
) -> None:
    chances = network.chances(features[:1])
    draws = torch.linspace(0, 1, 20_001)
    drawn = drawn_choices(chances.expand(len(draws), -1), draws)
    shares = torch.bincount(drawn, minlength=chances.shape[1]) / len(draws)
    assert torch.allclose(shares, chances[0].exp(), atol=2e-3)
    impossible = chances[0] < -40
    assert impossible.any()
    assert shares[impossible].sum() == 0
    # Nothing is selected at the beginning, so that nobody can be sent.
    acts = layout_of(0).actions[drawn.numpy(), 0]
    assert Act.COMMAND not in acts
    assert {Act.NOTHING, Act.KEY, Act.SELECT} == set(acts)


def test_what_draws_the_policy_is_divergence_from_whom_it_stays_near(
    network: ChoiceNetwork, features: torch.Tensor
) -> None:
    policy = ChoicePolicy(observation_space(), choice_space(), lambda _left: 1e-3, width=8)
    actions = torch.zeros(len(features), dtype=torch.long)
    _values, at, entropy = policy.evaluate_actions(features, actions)
    chances = policy.network.chances(features)
    expected = torch.distributions.Categorical(logits=chances)
    assert torch.allclose(entropy, expected.entropy(), atol=1e-5)
    assert torch.allclose(at, expected.log_prob(actions), atol=1e-5)
    with torch.no_grad():
        network.choices.bias[0] += 2.0
    policy.stay_near(network, 0.5)
    _values, _at, drawn = policy.evaluate_actions(features, actions)
    other = torch.distributions.Categorical(logits=network.chances(features))
    divergence = torch.distributions.kl_divergence(expected, other)
    assert (divergence > 0.01).all()
    assert torch.allclose(drawn, 0.5 * expected.entropy() - divergence, atol=1e-4)
    assert policy.last_divergence == pytest.approx(float(divergence.detach().mean()), abs=1e-4)
    assert "anchor" not in " ".join(policy.state_dict())


def test_a_zip_is_read_only_when_it_is_trusted(network: ChoiceNetwork, tmp_path: Path) -> None:
    file = tmp_path / "policy.zip"
    write_zip(network, file)
    assert "policy.pth" in zipfile.ZipFile(file).namelist()
    with pytest.raises(ZipFileError, match="can run code"):
        read_zip(file)
    found = read_zip(file, trusted=True).network.state_dict()
    for name, value in network.state_dict().items():
        assert torch.equal(found[name], value)
    file.write_bytes(b"no zip")
    with pytest.raises(ZipFileError, match="no zip of"):
        read_zip(file, trusted=True)
    with zipfile.ZipFile(file, "w") as other:
        other.writestr("notes.txt", "of something else")
    with pytest.raises(ZipFileError, match="no zip of"):
        read_zip(file, trusted=True)
    with pytest.raises(ZipFileError, match="no zip of"):
        read_zip(tmp_path / "absent.zip", trusted=True)
