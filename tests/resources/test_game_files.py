"""Where a game's files are looked for: who may say it, and in which order."""

import json
import sys
from pathlib import Path

import pytest

from pipeline.demo_game.game_folder import MARKER, drawing_version
from pipeline.games.index import GameFolderError
from pipeline.games.pack import GamePack, load_pack
from resources.game_files import DigestCache, GameFiles
from resources.paths import Paths


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state folder of its own, and nobody who says where a game is."""
    for variable in ("OUTPOST_GAME_DIR", "OUTPOST_GAME_DIR_AOE2", "OUTPOST_GAME_DIR_DEMO"):
        monkeypatch.delenv(variable, raising=False)
    return tmp_path / "home"


@pytest.fixture
def files(home: Path) -> GameFiles:
    return GameFiles(paths=Paths.below(home))


@pytest.fixture
def aoe2() -> GamePack:
    """Installed nowhere."""
    return load_pack("aoe2").model_copy(update={"install_folders": []})


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    folder = tmp_path / "installed"
    folder.mkdir()
    return folder


@pytest.mark.parametrize("variable", ["OUTPOST_GAME_DIR", "OUTPOST_GAME_DIR_DEMO"])
def test_a_drawn_game_never_looks_at_the_variables(
    files: GameFiles, variable: str, home: Path, installed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, str(installed))
    pack, drawn = load_pack("demo"), home / "games/demo"
    drawn.mkdir(parents=True)
    (drawn / MARKER).write_text(json.dumps({"drawing_version": drawing_version()}))
    assert files.prepare(pack, lambda _progress: None) == drawn
    assert files.located(pack) == drawn
    assert list(installed.iterdir()) == []


def test_one_variable_serves_every_installed_game(
    files: GameFiles, aoe2: GamePack, installed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OUTPOST_GAME_DIR", str(installed))
    assert files.located(aoe2) == installed


def test_the_variable_of_a_game_goes_before_the_common_one(
    files: GameFiles,
    aoe2: GamePack,
    installed: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OUTPOST_GAME_DIR", str(tmp_path))
    monkeypatch.setenv("OUTPOST_GAME_DIR_AOE2", str(installed))
    assert files.located(aoe2) == installed


def test_the_configured_folder_goes_before_every_variable(
    aoe2: GamePack, installed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OUTPOST_GAME_DIR_AOE2", str(tmp_path))
    assert GameFiles(paths=Paths.below(tmp_path), folder=str(installed)).located(aoe2) == installed


def test_a_variable_that_names_no_folder_is_itself_named(
    files: GameFiles, aoe2: GamePack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OUTPOST_GAME_DIR_AOE2", str(tmp_path / "typo"))
    with pytest.raises(GameFolderError, match="typo") as raised:
        files.located(aoe2)
    assert "OUTPOST_GAME_DIR_AOE2" in raised.value.fix


def test_a_game_that_is_nowhere_says_which_variable_to_set(
    files: GameFiles, aoe2: GamePack
) -> None:
    with pytest.raises(GameFolderError) as raised:
        files.located(aoe2)
    assert "OUTPOST_GAME_DIR_AOE2" in raised.value.fix


def test_a_game_that_is_nowhere_may_be_on_a_disk_that_is_not_connected(
    files: GameFiles, aoe2: GamePack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "Steam/steamapps").mkdir(parents=True)
    listed = tmp_path / "unplugged"
    text = f'"libraryfolders" {{ "1" {{ "path" "{listed.as_posix()}" }} }}'
    (tmp_path / "Steam/steamapps/libraryfolders.vdf").write_text(text, "utf-8")
    roots = {sys.platform: (str(tmp_path / "Steam"),)}
    monkeypatch.setattr("pipeline.games.steam.STEAM_ROOTS", roots)
    with pytest.raises(GameFolderError, match=r"not connected.*unplugged"):
        files.located(aoe2)


def test_a_digest_is_kept_until_the_file_is_touched(tmp_path: Path) -> None:
    file, memory = tmp_path / "file", tmp_path / "digests.json"
    file.write_bytes(b"one")
    first = DigestCache(memory)
    before = first.digest(file)
    first.save()
    second = DigestCache(memory)
    assert second.digest(file) == before
    written = memory.stat().st_mtime_ns
    second.save()
    assert memory.stat().st_mtime_ns == written, "others may be reading it"
    file.write_bytes(b"two!")
    assert DigestCache(memory).digest(file) != before
