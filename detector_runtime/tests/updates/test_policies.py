"""Policies are versions like any other, for one game and its rules, and exchanged between acts."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from doubles.policy_models import GOAL_NAMES, RULES, policy_files
from doubles.publisher import Publisher

from detector_runtime import ModelUpdater, UpdateError
from detector_runtime.errors import ModelLoadError, PolicyModelError
from detector_runtime.play import FollowedPolicies, FollowingPlayer, GameRules, follow_policies
from detector_runtime.policies.known import COLUMNS, KEY
from detector_runtime.policies.networks import FEATURES_VERSION
from detector_runtime.policies.policy_model import PolicyModel
from detector_runtime.updates import reloading
from detector_runtime.updates.installed import ModelFolder

from .conftest import Clock

ENTITIES, STATUS = np.zeros((2, COLUMNS), np.int32), np.zeros(4, np.int32)
OTHER_RULES = GameRules(game="blocks", rules="1" * 64)
OTHER_GAME = GameRules(game="cubes", rules="0" * 64)
Updating = Callable[..., ModelUpdater]


def publish(publisher: Publisher, plays: GameRules = RULES, **settings: Any) -> str:
    files = policy_files(str(publisher.versions + 1), plays=plays, **settings)
    version = publisher.add(b"", names=GOAL_NAMES, files=files, kind="policies", plays=plays)
    publisher.offer(version)
    return version


@pytest.fixture
def following(
    tmp_path: Path, publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Any]:
    """Policies that look for others when they are told to, or every so many seconds."""

    @contextmanager
    def follow(plays: GameRules = RULES, every: float = 600.0) -> Iterator[FollowedPolicies]:
        monkeypatch.setattr(reloading, "LOOK_SECONDS", every)
        found = follow_policies(
            tmp_path / "models",
            plays,
            publisher.folder,
            keys=publisher.keys_file,
            watch=False,
        )
        try:
            yield found
        finally:
            found.close()

    return follow


def key_of(player: FollowingPlayer) -> int:
    return int(player.act(ENTITIES, STATUS)[0, KEY])


def test_without_any_policies_it_says_so(following: Callable[..., Any]) -> None:
    with pytest.raises(UpdateError), following():
        pass


def test_the_first_policies_are_fetched_at_once_and_play(
    tmp_path: Path, publisher: Publisher, following: Callable[..., Any], clock: Clock
) -> None:
    version = publish(publisher, key=2)
    with following():
        pass
    # A file that is damaged meanwhile is fetched again.
    (tmp_path / "models" / "versions" / version / "executor.onnx").write_bytes(b"")
    clock.now += 61
    with following() as policies:
        player = policies.player(games=2)
        actions = player.act(np.stack([ENTITIES] * 2), np.stack([STATUS] * 2))
        assert actions[:, KEY].tolist() == [2, 2]
        assert player.goals.tolist() == [2, 2]


@pytest.mark.usefixtures("clock")
def test_newer_policies_are_used_between_two_acts_and_none_is_lost(
    publisher: Publisher, following: Callable[..., Any], updating: Updating
) -> None:
    publish(publisher, key=1)
    with following(every=0.001) as policies:
        pressed: list[int] = []
        done = threading.Event()

        def play() -> None:
            player = policies.player()
            while not done.is_set():
                pressed.append(key_of(player))

        playing = threading.Thread(target=play)
        playing.start()
        try:
            publish(publisher, key=3)
            assert updating().check(now=True).outcome == "updated"
            until = time.monotonic() + 60
            while 3 not in pressed[-1:] and time.monotonic() < until:
                time.sleep(0.001)
        finally:
            done.set()
            playing.join()
        switched = pressed.index(3)
        assert switched > 0
        assert set(pressed[:switched]) == {1}
        assert set(pressed[switched:]) == {3}


def test_policies_count_as_such_that_worked_when_they_have_acted(
    tmp_path: Path, publisher: Publisher, following: Callable[..., Any], updating: Updating
) -> None:
    publish(publisher, key=1)
    models = ModelFolder(tmp_path / "models")
    with following() as policies:
        policies.note_that_it_worked()
        assert not models.installation().current.worked
        player = policies.player()
        assert key_of(player) == 1
        policies.note_that_it_worked()
        assert models.installation().current.worked
        publish(publisher, key=4)
        updating().check(now=True)
        updating().rollback()
        policies.look_for_another_model()
        assert key_of(player) == 1
        assert updating().check(now=True).outcome == "kept"


@pytest.mark.parametrize("plays", [OTHER_RULES, OTHER_GAME])
def test_policies_for_another_game_or_other_rules_are_not_fetched(
    plays: GameRules, publisher: Publisher, following: Callable[..., Any], updating: Updating
) -> None:
    publish(publisher, key=1)
    with following() as policies:
        publish(publisher, plays, key=2)
        result = updating(plays=RULES).check(now=True)
        assert result.outcome == "kept"
        assert str(plays) in result.message
        # Another program, which plays that, brings them; here they are not used.
        assert updating(plays=plays).check(now=True).outcome == "updated"
        policies.look_for_another_model()
        assert key_of(policies.player()) == 1
    with pytest.raises(PolicyModelError, match="this program plays"), following():
        pass
    with following(plays) as policies:
        assert key_of(policies.player()) == 2


def test_a_program_that_plays_is_not_given_a_detector(
    publisher: Publisher, following: Callable[..., Any]
) -> None:
    publisher.publish(3)
    with pytest.raises(UpdateError, match="it is a detector, and this program plays"), following():
        pass


def test_policies_that_see_later_wait_for_the_next_start(
    publisher: Publisher, following: Callable[..., Any], updating: Updating
) -> None:
    publish(publisher, key=1)
    with following() as policies:
        publish(publisher, key=2, delay=4)
        assert updating().check(now=True).outcome == "updated"
        policies.look_for_another_model()
        assert key_of(policies.player()) == 1
    with following() as policies:
        assert (key_of(policies.player()), policies.model.manifest.delay) == (2, 4)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"changes": {"features": FEATURES_VERSION + 1}}, "of the features"),
        ({"facts": {"features": str(FEATURES_VERSION + 1)}}, "of the features"),
        ({"facts": {"outpost_rules": "2" * 64}}, "names another game, other rules"),
        ({"facts": {"outpost_game": "cubes"}}, "names another game, other rules"),
        ({"changes": {"delay": 3}}, "another delay"),
        ({"strategist": policy_files()["tactician.onnx"]}, "is no strategist"),
        ({"executor": b"no model" * 50}, "not an ONNX model"),
        ({"changes": {"files": {}}}, "files lists something else"),
        ({"changes": {"min_runtime": "99.0"}}, "needs detector_runtime 99.0"),
    ],
)
def test_policies_of_no_use_are_not_opened(
    settings: dict[str, Any], told: str, tmp_path: Path
) -> None:
    changes = settings.pop("changes", {})
    written = policy_files(**settings)
    said = json.loads(written["policies.json"]) | changes
    written["policies.json"] = json.dumps(said).encode()
    for name, content in written.items():
        (tmp_path / name).write_bytes(content)
    with pytest.raises(ModelLoadError, match=told):
        PolicyModel.load(tmp_path)


def test_when_newer_policies_are_of_no_use_those_in_use_go_on(
    publisher: Publisher, following: Callable[..., Any], updating: Updating
) -> None:
    publish(publisher, key=1)
    with following() as policies:
        publish(publisher, key=2, facts={"features": str(FEATURES_VERSION + 1)})
        result = updating().check(now=True)
        assert result.outcome == "failed"
        assert "of the features" in result.message
        policies.look_for_another_model()
        assert key_of(policies.player()) == 1


def test_a_folder_with_a_file_too_few_or_altered_says_so(tmp_path: Path) -> None:
    for name, content in policy_files().items():
        (tmp_path / name).write_bytes(content)
    PolicyModel.load(tmp_path).close()
    executor = tmp_path / "executor.onnx"
    executor.write_bytes(executor.read_bytes()[:-1] + b"x")
    with pytest.raises(PolicyModelError, match="is not the file that came with the policies"):
        PolicyModel.load(tmp_path)
    executor.unlink()
    with pytest.raises(PolicyModelError, match="there is no"):
        PolicyModel.load(tmp_path)
    (tmp_path / "policies.json").write_text("{")
    with pytest.raises(PolicyModelError, match="holds no policies"):
        PolicyModel.load(tmp_path)
