from __future__ import annotations

import json
from pathlib import Path

import pytest
from doubles.contributing import Player, shot

from detector_runtime.contribute.contributor import UploadPolicy
from detector_runtime.tools.cli import main

BOX = (10, 20, 60, 70)


def test_a_player_looks_pauses_and_resumes(
    player: Player, capsys: pytest.CaptureFixture[str]
) -> None:
    contributor = player.contributor()
    contributor.confirm(shot(1), BOX, "weapon", "Iron Sword")
    folder = str(player.home / "kept")
    assert main(["contribute", "status", folder]) == 0
    said = capsys.readouterr().out
    assert "waiting      1 images" in said
    assert "paused       no" in said
    assert "next upload" not in said, "it may be at once"
    assert main(["contribute", "pause", folder]) == 0
    assert contributor.upload_now() == "paused"
    capsys.readouterr()
    assert main(["contribute", "status", folder, "--json"]) == 0
    status = json.loads(capsys.readouterr().out)
    assert (status["paused"], status["waiting"]) == (True, 1)
    assert main(["contribute", "resume", folder]) == 0
    contributor = player.contributor(policy=UploadPolicy())
    assert contributor.upload_now() == "sent"
    contributor.confirm(shot(2), BOX, "weapon", "Iron Sword")
    capsys.readouterr()
    assert main(["contribute", "status", folder]) == 0
    assert "next upload  not before 20" in capsys.readouterr().out


def test_a_player_deletes_everything(player: Player, capsys: pytest.CaptureFixture[str]) -> None:
    contributor = player.contributor()
    contributor.confirm(shot(1), BOX, "weapon", "Iron Sword")
    contributor.upload_now()
    forget = ["contribute", "forget", str(player.home / "kept")]
    for words in (["--store", str(player.home), "--game", "toy"], ["--game", "toys"]):
        assert main([*forget, "--store", str(player.place), *words]) == 1
        assert f"has sent to {player.place}, game toy" in capsys.readouterr().err
        assert len(player.files) == 2
    assert main([*forget, "--store", str(player.place), "--game", "toy"]) == 0
    assert "is deleted" in capsys.readouterr().out
    assert player.files == {}
    assert contributor.status().install is None


def test_a_wrong_folder_is_not_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["contribute", "pause", str(tmp_path / "nothing")]) == 1
    assert "holds no contributions" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
