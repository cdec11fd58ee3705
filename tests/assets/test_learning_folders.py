"""A folder states what is learned from in it, and is refused for anything else."""

from __future__ import annotations

import pytest

from assets.operations.playing.learning_folders import LearningFolderError, claim_folder
from pipeline.play.online.results import PLAYED_FILE, OnlinePlay
from pipeline.play.policies.cloning import CloneError
from pipeline.play.shadow.agreement import WATCHED_FILE, Watched, WatchedPlay, WatchedSessions

PLAY = OnlinePlay(opponent="scripted_l3", seed=7)


def claim(folder, play):
    claim_folder(folder / PLAYED_FILE, play, "play", lambda one: f"against {one.opponent}")


def test_a_folder_is_for_what_it_states_alone(tmp_path):
    for _time in range(2):
        claim(tmp_path, PLAY)
    before = (tmp_path / PLAYED_FILE).read_bytes()
    assert OnlinePlay.model_validate_json(before) == PLAY
    with pytest.raises(LearningFolderError, match="play against scripted_l3, not against random"):
        claim(tmp_path, OnlinePlay(opponent="random", seed=7))
    assert (tmp_path / PLAYED_FILE).read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize(
    "watched",
    [
        WatchedPlay(player="scripted_l5", opponent="scripted_l3", minutes=2, seed=5),
        WatchedSessions(sessions=("one",), held_out_sessions=("two",), minutes=2),
    ],
)
def test_each_kind_of_what_is_watched_is_read_as_it_was_written(tmp_path, watched):
    for _time in range(2):
        claim_folder(tmp_path / WATCHED_FILE, Watched(watched), "watch", str)
    read = Watched.model_validate_json((tmp_path / WATCHED_FILE).read_bytes())
    assert read.root == watched


def test_a_torn_statement_is_named_and_kept(tmp_path):
    (tmp_path / PLAYED_FILE).write_text("{", "utf-8")
    with pytest.raises(LearningFolderError, match=r"played.json cannot be read") as caught:
        claim(tmp_path, PLAY)
    assert "let the policies play again" in caught.value.fix
    assert (tmp_path / PLAYED_FILE).read_text("utf-8") == "{"


def test_a_folder_that_cannot_be_written_to_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(CloneError, match="The policies cannot be written to"):
        claim(tmp_path / "file" / "new", PLAY)
