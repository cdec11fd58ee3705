"""What a network answers follows entities, and is the same in torch and in ONNX."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from detector_runtime.errors import ConfigurationError, ModelLoadError, ModelOutputError
from detector_runtime.policies.features import features_of, rows_of, with_goal, with_target
from detector_runtime.policies.networks import FEATURES_VERSION, ActLogits, PolicyNetworks
from detector_runtime.policies.player import PolicyPlayer, actions_of

from pipeline.play.demonstrations import Demonstration
from pipeline.play.policies.examples import Examples, executor_examples
from pipeline.play.policies.losses import loss_of
from pipeline.play.policies.networks import NetworkInput, build_network
from pipeline.play.policies.onnx_files import PolicyExportError, export_policy, onnx_file
from pipeline.play.policies.settings import CloneSettings
from pipeline.play.recordings.events import rules_digest
from pipeline.play.simulator.rules import Act
from pipeline.release.lineage.audit import embedded_lineage

ROLES = ("strategist", "tactician", "executor")


@pytest.fixture
def moments(shown: list[Demonstration]) -> Examples:
    """Twenty, spread over play."""
    whole = executor_examples(shown, 0, 1.0, 0)
    return whole.rows(np.linspace(0, len(whole) - 1, 20).astype(int))


@pytest.fixture
def folder(tmp_path: Path, tiny: CloneSettings) -> Path:
    """Three fresh policies, exported."""
    for role in ROLES:
        export_policy(build_network(role, tiny), 0, tmp_path)
    return tmp_path


def test_answers_follow_entities_in_another_order(moments: Examples, folder: Path) -> None:
    networks, order = PolicyNetworks.load(folder), np.random.default_rng(1).permutation(44)
    goals, targets = moments.goals.astype(int), np.full(20, -1)
    ours = features_of(moments.entities, moments.status, moments.deeds)
    theirs = features_of(moments.entities[:, order], moments.status, moments.deeds)
    np.testing.assert_allclose(networks.goals(ours), networks.goals(theirs), atol=1e-4)
    pairs = [(networks.targets(ours, goals), networks.targets(theirs, goals))]
    first, second = networks.acts(ours, goals, targets), networks.acts(theirs, goals, targets)
    np.testing.assert_allclose(first.acts, second.acts, atol=1e-4)
    np.testing.assert_allclose(first.clicks, second.clicks, atol=1e-3)
    pairs += [(first.selects, second.selects), (first.commands, second.commands)]
    for one, other in pairs:
        for game in range(20):
            by_slot = [
                dict(zip(features.slots[game].tolist(), logits[game, 1:].tolist(), strict=True))
                for features, logits in ((ours, one), (theirs, other))
            ]
            assert by_slot[0].keys() == by_slot[1].keys()
            for slot in set(by_slot[0]) - {-1}:
                assert by_slot[0][slot] == pytest.approx(by_slot[1][slot], abs=1e-4)


@pytest.mark.parametrize("role", ROLES)
def test_the_runtime_answers_as_torch_does(
    role: str, moments: Examples, folder: Path, tiny: CloneSettings
) -> None:
    networks, features = PolicyNetworks.load(folder), moments.features()
    goals, targets = moments.goals.astype(int), np.full(20, -1)
    network = build_network(role, tiny).eval()
    found = {
        "strategist": lambda: [networks.goals(features)],
        "tactician": lambda: [networks.targets(features, goals)],
        "executor": lambda: list(vars(networks.acts(features, goals, targets)).values()),
    }[role]()
    entities, status = features.entities, features.status
    if role != "strategist":
        status = with_goal(features, goals)
    if role == "executor":
        entities, status = with_target(features, status, targets)
    with torch.no_grad():
        expected = NetworkInput.of((entities, features.places, features.known, status)).ask(network)
    for ours, theirs in zip(expected, found, strict=True):
        np.testing.assert_allclose(ours.numpy(), theirs, atol=1e-3)


@pytest.mark.parametrize("role", ROLES)
def test_every_weight_learns(role: str, moments: Examples, tiny: CloneSettings) -> None:
    network = build_network(role, tiny.model_copy(update={"layers": 2}))
    pointed = rows_of(moments.features(), moments.targets) >= 0
    told = moments.rows(np.flatnonzero(pointed))
    loss, _measures = loss_of(role, network, told, np.zeros(len(told), bool), 0.1)
    loss.backward()
    assert torch.isfinite(loss)
    still = [
        name
        for name, weight in network.named_parameters()
        if weight.grad is None or not weight.grad.abs().sum() > 0
    ]
    assert still == []


@pytest.mark.slow
def test_all_that_a_loss_takes_is_where_the_network_is(
    moments: Examples, tiny: CloneSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With tensors that claim to be on a GPU; torch raises where two places are mixed."""
    from torch._subclasses.fake_tensor import FakeTensorMode  # Takes seconds.

    for name in ("__float__", "item"):
        monkeypatch.setattr(torch.Tensor, name, lambda _self: 0.0)
    known = rows_of(moments.features(), moments.targets) >= 0
    told = moments.rows(np.flatnonzero(known))
    for role in ROLES:
        with FakeTensorMode(allow_non_fake_inputs=True):
            with torch.device("cuda"):
                network = build_network(role, tiny)
            loss, measures = loss_of(role, network, told, np.zeros(len(told), bool), 0.1)
        assert loss.device.type == "cuda"
        assert measures


def test_a_network_that_knows_is_right(moments: Examples) -> None:
    """Measures of an executor whose answers are what was done."""
    acting = moments.rows(np.flatnonzero(moments.actions[:, 0] != Act.NOTHING))
    features = acting.features()

    class Knowing(torch.nn.Module):
        def forward(self, *_given: torch.Tensor) -> tuple[torch.Tensor, ...]:
            count, rows = features.known.shape
            acts, keys = torch.full((count, 4), -30.0), torch.full((count, 5), -30.0)
            pointed, clicks = torch.full((count, rows + 1), -30.0), torch.zeros(count, 4)
            acts[:, 0] = 30.0
            for row, (act, entity, x, y, key) in enumerate(acting.actions.tolist()):
                acts[row, act], keys[row, key] = 30.0, 30.0
                at = list(features.slots[row]).index(entity) + 1 if entity >= 0 else 0
                pointed[row, at] = 30.0
                turned = features.turned[row]
                if entity >= 0:
                    clicks[row, 2:] = torch.tensor([-x, -y] if turned else [x, y])
                else:
                    point = [1023 - x, 1023 - y] if turned else [x, y]
                    clicks[row, :2] = torch.tensor(point) / 1023
            return acts, keys, pointed, pointed, clicks

    loss, measures = loss_of("executor", Knowing(), acting, np.zeros(len(acting), bool), 0.0)
    assert float(loss) == pytest.approx(0, abs=1e-5)
    for name in ("kind", "click", "key"):
        hits, count = measures[name]
        assert hits == count > 0
    assert measures["position"][0] == pytest.approx(0, abs=1e-5)
    # And what it answers is, as an action, what was done.
    answers = ActLogits(*(part.numpy() for part in Knowing()()))
    actions = actions_of(features, answers, np.full((2, len(acting)), 0.5))
    for done, expected in zip(actions, acting.actions, strict=True):
        if expected[0] == Act.KEY:
            expected = np.array([Act.KEY, -1, 0, 0, expected[4]])
        np.testing.assert_array_equal(done, expected)


def test_a_player_plays_one_game_as_among_others(moments: Examples, folder: Path) -> None:
    networks = PolicyNetworks.load(folder)
    many, again = PolicyPlayer(networks, 20, seed=3), PolicyPlayer(networks, 20, seed=3)
    for _tick in range(9):
        chosen = many.act(moments.entities, moments.status)
        few = again.act(moments.entities, moments.status, np.array([4, 7]))
        np.testing.assert_array_equal(chosen[[4, 7]], few[[4, 7]])
        assert (few[[0, 1, 2, 3], 0] == Act.NOTHING).all()
    alone = PolicyPlayer(networks).act(moments.entities[0], moments.status[0])
    assert alone.shape == (1, 5)


def test_files_that_are_no_policies_are_refused(folder: Path, tiny: CloneSettings) -> None:
    tactician = onnx_file(folder, "tactician")
    whole = tactician.read_bytes()
    tactician.write_bytes(onnx_file(folder, "strategist").read_bytes())
    with pytest.raises(ModelLoadError, match="is no tactician: it says 'strategist'"):
        PolicyNetworks.load(folder)
    tactician.write_bytes(whole[:5000])
    with pytest.raises(ModelLoadError, match=r"tactician\.onnx"):
        PolicyNetworks.load(folder)
    tactician.unlink()
    with pytest.raises(ModelLoadError, match="no model"):
        PolicyNetworks.load(folder)
    export_policy(build_network("tactician", tiny), 2, folder)
    with pytest.raises(ModelLoadError, match="different delays"):
        PolicyNetworks.load(folder)
    model = onnx.load_from_string(whole)
    onnx.helper.set_model_props(model, {"policy": "tactician", "features": "0", "delay": "0"})
    tactician.write_bytes(model.SerializeToString())
    with pytest.raises(ModelLoadError, match="version 0 of the features"):
        PolicyNetworks.load(folder)


def test_files_say_where_they_come_from_and_are_the_same_bytes_again(
    tmp_path: Path, tiny: CloneSettings
) -> None:
    network = build_network("tactician", tiny)
    file = export_policy(network, 2, tmp_path / "a", "5" * 64)
    model = onnx.load(str(file))
    assert {one.key: one.value for one in model.metadata_props} == {
        "policy": "tactician",
        "features": str(FEATURES_VERSION),
        "delay": "2",
        "outpost_game": "demo",
        "outpost_rules": rules_digest(),
        "outpost_sessions": "5" * 64,
    }
    assert embedded_lineage(file) == {
        "game": "demo",
        "rules": rules_digest(),
        "sessions": "5" * 64,
    }
    again = export_policy(network, 2, tmp_path / "b", "5" * 64)
    assert again.read_bytes() == file.read_bytes()
    other = onnx.load(str(export_policy(network, 2, tmp_path / "c")))
    assert "outpost_sessions" not in {one.key for one in other.metadata_props}


def test_policies_say_what_they_play_unless_one_does_not(folder: Path) -> None:
    networks = PolicyNetworks.load(folder)
    assert (networks.game, networks.rules) == ("demo", rules_digest())
    executor = onnx_file(folder, "executor")
    model = onnx.load(str(executor))
    told = {one.key: one.value for one in model.metadata_props}
    onnx.helper.set_model_props(model, {**told, "outpost_rules": "0" * 64})
    onnx.save(model, str(executor))
    with pytest.raises(ModelLoadError, match="were made for different games"):
        PolicyNetworks.load(folder)
    # One of before this was said; a strategist that was corrected since says it.
    before = {key: value for key, value in told.items() if "outpost" not in key}
    onnx.helper.set_model_props(model, before)
    onnx.save(model, str(executor))
    networks = PolicyNetworks.load(folder)
    assert (networks.game, networks.rules) == ("", "")


def test_wrong_arrays_and_wild_answers_are_refused(
    moments: Examples, tmp_path: Path, tiny: CloneSettings
) -> None:
    for role in ROLES:
        network = build_network(role, tiny)
        export_policy(network, 0, tmp_path)
    player = PolicyPlayer(PolicyNetworks.load(tmp_path), 2)
    with pytest.raises(ConfigurationError, match="shape"):
        player.act(moments.entities[:3], moments.status[:3])
    with torch.no_grad():
        network.numbers.bias[0] = float("nan")
    with pytest.raises(PolicyExportError, match="'acts'"):
        export_policy(network, 0, tmp_path)
    # What was there before is there still.
    PolicyPlayer(PolicyNetworks.load(tmp_path)).act(moments.entities[0], moments.status[0])
    model = onnx.load(str(onnx_file(tmp_path, "executor")))
    (bias,) = [one for one in model.graph.initializer if one.name == "numbers.bias"]
    values = onnx.numpy_helper.to_array(bias).copy()
    values[0] = np.nan
    bias.CopyFrom(onnx.numpy_helper.from_array(values, bias.name))
    onnx.save(model, str(onnx_file(tmp_path, "executor")))
    with pytest.raises(ModelOutputError, match="'acts'"):
        PolicyPlayer(PolicyNetworks.load(tmp_path)).act(moments.entities[0], moments.status[0])


@pytest.mark.parametrize("others_per_act", [1.0, 5.0])
def test_who_knows_nothing_acts_as_often_as_was_acted(
    shown: list[Demonstration], others_per_act: float
) -> None:
    """However few of the moments in which nothing was done are learned from."""
    examples = executor_examples(shown[:1], 0, others_per_act, 0)
    # Clicks on what the player could not know of are left out.
    acts = int((examples.actions[:, 0] != Act.NOTHING).sum())
    waits = int((shown[0].actions[:, 0] == Act.NOTHING).sum())
    often = torch.tensor(math.log(acts / waits), requires_grad=True)

    class Constant(torch.nn.Module):
        def forward(self, entities: torch.Tensor, *_given: torch.Tensor) -> tuple[object, ...]:
            count, rows = entities.shape[:2]
            acts = torch.cat([often.expand(count, 1), torch.zeros(count, 3)], dim=1)
            pointed = torch.zeros(count, 1 + rows)
            return acts, torch.zeros(count, 5), pointed, pointed, torch.zeros(count, 4)

    loss, _ = loss_of("executor", Constant(), examples, np.zeros(len(examples), bool), 0.0)
    loss.backward()
    assert abs(float(often.grad)) < 1e-5
