"""Screenshots of play are an export batch as any other, with true boxes."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.games.pack import load_pack
from pipeline.labels.formats.coco import read_export
from pipeline.play.play_captures import write_play_captures
from pipeline.play.simulator.games import GameError
from pipeline.progress import Progress

PLAYERS = ("scripted_l4", "scripted_l3")


@pytest.mark.slow
def test_play_is_read_as_a_batch_and_is_the_same_again(tmp_path: Path) -> None:
    file, told = tmp_path / "session_play.zip", list[Progress]()
    written = list[int]()

    def listen(progress: Progress) -> None:
        told.append(progress)
        written.extend(part.stat().st_size for part in tmp_path.iterdir())

    count = write_play_captures(file, PLAYERS, [4], 2, listen)
    assert written[-1] > 2 * 320 * 256 * 3  # While they are drawn, so that thousands fit.
    batch = read_export(file, load_pack("demo").class_names)
    names = [Path(frame.name).stem for frame in batch.frames]
    assert len(set(names)) == count == 2
    assert {name.split("_")[0] for name in names} == {"play4"}
    assert sum(len(frame.boxes) for frame in batch.frames) > 4
    assert told[-1].stage == "capture play"
    first = file.read_bytes()
    write_play_captures(file, PLAYERS, [4], 2)
    assert file.read_bytes() == first


def test_nobody_plays_for_it_who_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(GameError, match="nobody"):
        write_play_captures(tmp_path / "play.zip", ("nobody", "random"), [1], 1)
    assert list(tmp_path.iterdir()) == []
