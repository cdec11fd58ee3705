"""`detector-runtime update`, `status`, `rollback`, `use` and `serve --updates`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from doubles.publisher import Publisher, small_model

from detector_runtime.tools.cli import _parser, main
from detector_runtime.tools.server import DetectionServer
from detector_runtime.tools.updating import updater_of


def test_from_the_first_model_back_to_it(
    publisher: Publisher, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, keys = str(tmp_path / "models"), str(publisher.keys_file)
    publisher.publish(1)
    assert main(["update", folder, "--source", str(publisher.folder), "--keys", keys]) == 0
    assert "updated: blocks 1.1 is used now" in capsys.readouterr().out
    publisher.publish(2)
    assert main(["update", folder, "--if-due"]) == 0
    assert "not due" in capsys.readouterr().out
    assert main(["update", folder, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["outcome"] == "updated"
    assert main(["rollback", folder]) == 0
    assert "blocks 1.1 (000001-" in capsys.readouterr().out
    assert main(["update", folder]) == 0
    assert "kept: You went back" in capsys.readouterr().out
    assert main(["update", folder, "--retry"]) == 0
    mine = tmp_path / "mine.onnx"
    mine.write_bytes(small_model(9))
    assert main(["use", folder, str(mine)]) == 0
    assert main(["status", folder]) == 0
    out = capsys.readouterr().out
    assert "mine.onnx" in out
    assert "your own: updates leave it alone" in out
    assert "epoch 1" in out
    assert main(["update", folder, "--replace-own", "--ignore-expiry"]) == 0
    assert main(["status", folder, "--json"]) == 0
    values = json.loads(capsys.readouterr().out.partition("\n")[2])
    assert values["model"]["name"] == "blocks 1.2"
    assert main(["info", folder]) == 0


def test_what_fails_is_told_with_what_to_do(
    publisher: Publisher,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def serve(*_arguments: object) -> None:
        raise AssertionError("a server was started, and nobody would end it")

    monkeypatch.setattr(DetectionServer, "serve_forever", serve)
    folder, absent = str(tmp_path / "models"), str(tmp_path / "absent")
    for words, says in (
        (["update", folder], "nothing says where"),
        (["update", folder, "--source", str(publisher.folder)], "whose updates"),
        (["update", folder, "--source", "ftp://x"], "cannot be fetched from ftp"),
        (["update", folder, "--source", absent, "--unsigned"], "there is no folder"),
        (["rollback", folder], "to go back to"),
        (["use", folder, "absent.onnx"], "no model at"),
        (["serve", "--updates", folder, "--mock"], "--mock another one"),
        (["serve", "--keys", str(publisher.keys_file), "--mock"], "--updates, which is not given"),
        (["serve", "--updates", str(tmp_path / "other")], "nothing says where"),
    ):
        assert main(words) == 1
        captured = capsys.readouterr()
        assert says in captured.err
        assert "What to do" in captured.err
    assert main(["status", folder]) == 0
    assert "none yet" in capsys.readouterr().out


def test_what_comes_of_an_update_is_told_once(publisher: Publisher, tmp_path: Path) -> None:
    """In a process of its own, whose log goes to the terminal."""

    def told(*words: str) -> str:
        command = [sys.executable, "-m", "detector_runtime", "update", str(tmp_path / "models")]
        done = subprocess.run([*command, *words], capture_output=True, text=True, check=False)
        return done.stdout + done.stderr

    absent = told("--source", str(tmp_path / "absent"), "--unsigned")
    assert absent.count("there is no folder") == 1
    assert absent.count("What to do") == 1
    publisher.publish(1)
    source = ["--source", str(publisher.folder), "--keys", str(publisher.keys_file)]
    assert told(*source).count("blocks 1.1 is used now") == 1


def test_a_server_takes_the_same_options(publisher: Publisher, tmp_path: Path) -> None:
    publisher.publish(1)
    words = ["serve", "--updates", str(tmp_path), "--source", str(publisher.folder)]
    chosen = _parser().parse_args([*words, "--keys", str(publisher.keys_file)])
    with updater_of(chosen.updates, chosen).detector() as detector:
        assert detector.source.name == "blocks"
