"""A strategist learns from corrections and stays as it was elsewhere; the old one stays too."""

from __future__ import annotations

import io
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from detector_runtime.policies.networks import PolicyNetworks
from PIL import Image

from pipeline.manifests import sha256_of
from pipeline.play.corrections import correcting
from pipeline.play.corrections.collecting import (
    CorrectedPlay,
    MomentsToAsk,
    WatchedGames,
    correct_moments,
    moments_to_ask,
    spread,
    watch_policies,
)
from pipeline.play.corrections.correcting import CorrectedPolicies, correct_policies
from pipeline.play.corrections.correctors import AnswerCounts, Objection
from pipeline.play.corrections.fine_tuning import (
    CorrectionLesson,
    FineTuneSettings,
    fine_tune,
    goals_of,
)
from pipeline.play.corrections.lines import (
    CorrectionsError,
    GoalName,
    State,
    load_corrections,
)
from pipeline.play.corrections.sorting import alike_of
from pipeline.play.policies import judging
from pipeline.play.policies.checkpoints import PolicyCheckpointError, read_checkpoint
from pipeline.play.policies.cloning import ClonedPolicies, CloneError
from pipeline.play.policies.examples import Examples
from pipeline.play.policies.judging import Mean, PlayedGames, PolicyTable, both_sides, play_policies
from pipeline.play.policies.networks import EntityTransformer, build_network
from pipeline.play.policies.settings import CloneSettings, RoleSettings
from pipeline.play.policies.training import network_of
from pipeline.play.simulator.observation import observe
from pipeline.play.simulator.scripted import Goal
from pipeline.play.simulator.view import camera_of, render

QUICK = FineTuneSettings(steps=20, batch=16, learning_rate=5e-3)
PLAY = CorrectedPlay("scripted_l1", 2, 0)
NOT_PLAYED = PlayedGames(*(np.zeros(0) for _ in range(5)))


@pytest.fixture(autouse=True)
def _short_games(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 15 seconds."""
    monkeypatch.setattr(judging, "MAX_TICKS", 300)


class Whims:
    """Objects to whatever is chosen in the first eight seconds."""

    def __init__(self, confidence: float = 0.9) -> None:
        self.confidence = confidence
        self.asked: list[tuple[State, GoalName]] = []

    def correct(
        self, state: State, action: GoalName, frame: bytes | None = None
    ) -> Objection | None:
        self.asked.append((state, action))
        early = state.tick < 160
        return Objection("CAUTIOUS", "A whim.", self.confidence) if early else None


class Model(Whims):
    """Says what has come of its questions."""

    @property
    def counts(self) -> AnswerCounts:
        return AnswerCounts(
            model="a model",
            requests=len(self.asked),
            remembered=0,
            objections=0,
            agreements=0,
            unusable={},
            unasked=0,
            question_tokens=0,
            answer_tokens=0,
        )


class Silence:
    """Never objects."""

    def correct(
        self, state: State, action: GoalName, frame: bytes | None = None
    ) -> Objection | None:
        return None


def digests(folder: Path) -> dict[str, str]:
    return {str(file): sha256_of(file) for file in sorted(folder.rglob("*")) if file.is_file()}


def fresh() -> EntityTransformer:
    role = RoleSettings(epochs=1, batch=1, learning_rate=1)
    settings = CloneSettings(
        strategist=role, tactician=role, executor=role, width=8, layers=1, heads=2
    )
    return build_network("strategist", settings)


def lesson_of(moments: Examples) -> CorrectionLesson:
    """Half of the game is to be cautious in; the other is to stay."""
    late = moments.status[:, 0] > 1500
    goals = np.full(int(late.sum()), Goal.CAUTIOUS, np.int8)
    return CorrectionLesson(
        replace(moments.rows(late), goals=goals),
        np.ones(len(goals), np.float32),
        moments.rows(~late),
    )


def test_corrections_are_learned_and_the_rest_stays(moments: Examples) -> None:
    network = fresh()
    lesson = lesson_of(moments)
    before = goals_of(network, lesson.others)
    settings = FineTuneSettings(steps=50, batch=32, learning_rate=1e-2)
    steps: list[tuple[int, int]] = []
    history = fine_tune(network, lesson, settings, lambda done, total: steps.append((done, total)))
    assert (goals_of(network, lesson.corrected) == Goal.CAUTIOUS).mean() > 0.9
    assert (goals_of(network, lesson.others) == before).mean() > 0.9
    assert steps[-1] == (50, 50)
    assert [one.step for one in history[:2]] == [0, 3]
    assert len(history) == 21
    assert history[0].divergence == 0
    assert history[0].kept == 1
    assert history[-1].learned > 0.9
    assert history[-1].loss < history[0].loss


def test_the_old_policy_holds_by_its_weight(moments: Examples) -> None:
    kept = {}
    for weight in (0.0, 10.0):
        network = fresh()
        settings = QUICK.model_copy(update={"kl_weight": weight, "steps": 60})
        history = fine_tune(network, lesson_of(moments), settings, lambda *_: None)
        kept[weight] = history[-1].divergence
    assert kept[10.0] < kept[0.0] / 2


def test_what_is_unsure_teaches_less(moments: Examples) -> None:
    """Two halves contradict each other: the surer one wins."""
    half = moments.rows(slice(0, 40))
    both = replace(
        half.rows(np.tile(np.arange(40), 2)),
        goals=np.repeat([Goal.FLEE, Goal.LOOT], 40).astype(np.int8),
    )
    network = fresh()
    sure = np.repeat([0.1, 1.0], 40).astype(np.float32)
    settings = FineTuneSettings(steps=100, batch=80, learning_rate=1e-2, kl_weight=0)
    fine_tune(network, CorrectionLesson(both, sure, moments), settings, lambda *_: None)
    assert (goals_of(network, half) == Goal.LOOT).all()


def test_equal_corrections_make_equal_weights(moments: Examples) -> None:
    weights = []
    for _ in range(2):
        network = fresh()
        fine_tune(network, lesson_of(moments), QUICK, lambda *_: None)
        weights.append(torch.cat([one.flatten() for one in network.parameters()]))
    assert torch.equal(*weights)


def test_watched_policies_play_the_same_and_are_seen_whole(cloned: Path) -> None:
    networks = PolicyNetworks.load(cloned)
    played = play_policies(networks, "scripted_l1", [4])
    games = watch_policies(networks, "scripted_l1", [4])
    np.testing.assert_array_equal(games.played.returns, played.returns)
    assert (games.moments.status[:, 0] % 20 == 0).all()
    assert len(games.moments) == np.ceil(played.seconds).sum()
    features = games.moments.features()
    np.testing.assert_array_equal(networks.goals(features).argmax(axis=1), games.moments.goals)


def test_what_is_watched_is_as_old_as_the_policies_see(cloned: Path) -> None:
    networks = PolicyNetworks.load(cloned)
    networks.delay = 3
    games = watch_policies(networks, "scripted_l1", [4])
    assert set(games.moments.status[:, 0].tolist()) == {0, *range(17, 297, 20)}


def test_few_moments_are_spread_over_kinds_of_situations(moments: Examples) -> None:
    alike = alike_of(moments)
    kinds = set(alike)
    rows = spread(moments, len(kinds), 5)
    assert {alike[row] for row in rows} == kinds
    assert (np.diff(rows) > 0).all()
    # More are the same ones and others, so that answers of before are of use.
    more = spread(moments, len(kinds) + 20, 5)
    assert len(more) == len(kinds) + 20
    assert set(rows) < set(more)
    rare = [kind for kind in kinds if alike.count(kind) == 1]
    assert rare
    np.testing.assert_array_equal(rows, spread(moments, len(kinds), 5))
    assert set(rows) != set(spread(moments, len(kinds), 6))
    for most in (None, len(moments), len(moments) + 1):
        np.testing.assert_array_equal(spread(moments, most, 5), np.arange(len(moments)))


@pytest.mark.slow
def test_frames_are_what_the_player_saw_in_the_moments(cloned: Path) -> None:
    networks = PolicyNetworks.load(cloned)
    networks.delay = 3
    play = CorrectedPlay("scripted_l1", 2, 6, most_asked=2, frames=True)
    asked = moments_to_ask(networks, play)
    assert len(asked) == 2
    (seeds, _others) = play.seeds()
    rows = spread(asked.watched.moments, 2, 6)
    for row, (state, _action, frame) in zip(rows, asked.questions(), strict=True):
        table = PolicyTable.start(networks, "scripted_l1", *both_sides(seeds))
        for _tick in range(state.tick):
            table.step()
        game = int(asked.watched.games[row])
        player = int(table.sides[game])
        np.testing.assert_array_equal(
            observe(table.games, player).entities[game], asked.watched.moments.entities[row]
        )
        seen = render(table.games, game, camera_of(table.games, game, player), player)
        assert frame is not None
        with Image.open(io.BytesIO(frame)) as image:
            assert np.abs(np.asarray(image, int) - seen.image).mean() < 6


def test_every_moment_is_asked_about_once(moments: Examples) -> None:
    corrector = Whims()
    watched = WatchedGames(NOT_PLAYED, moments, np.zeros(len(moments), np.int_))
    asked = MomentsToAsk(watched, moments, [None] * len(moments))
    corrections = [*correct_moments(asked, corrector)]
    assert len(corrector.asked) == len(moments)
    assert [Goal[action] for _state, action in corrector.asked] == moments.goals.tolist()
    assert len(corrections) == (moments.status[:, 0] < 160).sum()
    assert {(one.correction, one.reason, one.confidence) for one in corrections} == {
        ("CAUTIOUS", "A whim.", 0.9)
    }


def test_a_folder_of_policies_is_corrected_into_another(
    cloned: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(correcting, "_check_return", lambda _done: None)
    before = digests(cloned)
    out, lines = tmp_path / "new" / "corrected", tmp_path / "lines.jsonl"
    model, play = Model(), replace(PLAY, most_asked=9)
    done = correct_policies(cloned, out, model, play, QUICK, lines)
    assert digests(cloned) == before
    assert len(model.asked) == 9
    assert done.answers == model.counts
    assert done.lines.lines == len(load_corrections([lines])) > 0
    assert done.games == 2
    assert sum(one.lines for one in done.mistakes) == done.lines.learned
    report = CorrectedPolicies.model_validate_json((out / "corrected.json").read_bytes())
    assert report == done
    assert "learned" in (out / "corrected.svg").read_text()
    names = {str(file.relative_to(out)) for file in out.rglob("*") if file.is_file()}
    assert names == {
        "clone.json", "corrected.json", "corrected.svg", "executor.onnx", "strategist.onnx",
        "strategist/best.safetensors", "tactician.onnx", "tactician/best.safetensors",
        "executor/best.safetensors",
    }  # fmt: skip
    for role in ("tactician", "executor"):
        best = Path(role, "best.safetensors")
        assert sha256_of(out / best) == sha256_of(cloned / best)
        assert sha256_of(out / f"{role}.onnx") == sha256_of(cloned / f"{role}.onnx")
    assert sha256_of(out / "strategist.onnx") != sha256_of(cloned / "strategist.onnx")
    told = ClonedPolicies.model_validate_json((out / "clone.json").read_bytes())
    assert told.policies["strategist"].measures == {}

    # What plays is what was trained, and it can be corrected once more, by the lines.
    watched = watch_policies(PolicyNetworks.load(out), "scripted_l1", [9])
    saved = read_checkpoint(out / "strategist" / "best.safetensors", "strategist")
    network = network_of(saved, told.settings)
    np.testing.assert_array_equal(goals_of(network, watched.moments), watched.moments.goals)
    shutil.rmtree(out / "executor")  # As an earlier version corrected them.
    again = correct_policies(out, tmp_path / "again", [lines], PLAY, QUICK)
    assert again.lines == done.lines


def test_what_cannot_be_done_leaves_all_as_it_was(
    cloned: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = digests(cloned)
    out, lines = tmp_path / "out", tmp_path / "lines.jsonl"

    def refused(says: str, *arguments: object) -> None:
        with pytest.raises(CorrectionsError, match=says):
            correct_policies(*arguments)  # type: ignore[arg-type]
        assert digests(cloned) == before
        assert not out.exists()
        assert not [file for file in tmp_path.iterdir() if file.name.startswith(".")]

    with pytest.raises(CloneError, match="cannot be read"):
        correct_policies(tmp_path / "nowhere", out, Whims(), PLAY, QUICK)
    refused("3 games", cloned, out, Whims(), CorrectedPlay("scripted_l1", 3, 0), QUICK)
    refused("exists already", cloned, cloned, Whims(), PLAY, QUICK)
    lines.write_text('{"state": 1}\n')
    refused("line 1, state", cloned, out, [lines], PLAY, QUICK)
    refused("There are corrections in", cloned, out, Whims(), PLAY, QUICK, lines)
    assert lines.read_text() == '{"state": 1}\n'
    refused("nothing to learn: of 0 lines", cloned, out, Silence(), PLAY, QUICK)
    refused("are unsure", cloned, out, Whims(0.1), PLAY, QUICK)

    worse = Mean.model_validate({"mean": -1, "interval": {"low": -2, "high": -0.5}})
    monkeypatch.setattr(correcting, "lead_of", lambda *_: worse)
    kept = tmp_path / "kept.jsonl"
    refused("play worse: their return is 1.00 lower", cloned, out, Whims(), PLAY, QUICK, kept)
    assert load_corrections([kept])


def test_what_must_fail_fails_before_games_are_played(
    cloned: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unplayed(*_: object) -> None:
        raise AssertionError("Games are played.")

    monkeypatch.setattr(correcting, "watch_policies", unplayed)
    empty, file, out = tmp_path / "empty.jsonl", tmp_path / "file", tmp_path / "out"
    empty.write_bytes(b"\n\n")
    file.write_bytes(b"")
    with pytest.raises(CorrectionsError, match="nothing to learn: of 0 lines"):
        correct_policies(cloned, out, [empty], PLAY, QUICK)
    with pytest.raises(CorrectionsError, match="out cannot be written"):
        correct_policies(cloned, file / "out", Whims(), PLAY, QUICK)
    with pytest.raises(CorrectionsError, match="lines cannot be written"):
        correct_policies(cloned, out, Whims(), PLAY, QUICK, file / "lines")
    assert {one.name for one in tmp_path.iterdir()} == {"empty.jsonl", "file"}


def test_a_damaged_strategist_is_explained(cloned: Path, tmp_path: Path) -> None:
    folder = tmp_path / "damaged"
    shutil.copytree(cloned, folder)
    (folder / "strategist" / "best.safetensors").write_bytes(b"none")
    with pytest.raises(PolicyCheckpointError, match="cannot be read"):
        correct_policies(folder, tmp_path / "out", Whims(), PLAY, QUICK)
    assert json.loads((folder / "clone.json").read_text())
    assert not (tmp_path / "out").exists()
