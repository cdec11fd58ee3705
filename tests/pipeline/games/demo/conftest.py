from pathlib import Path

import pytest
from filelock import FileLock

from pipeline.demo_game.captures import write_export_batches
from pipeline.demo_game.game_folder import draw_game
from pipeline.demo_game.renderer import FRAMES, SESSIONS, Screenshot, screenshot


@pytest.fixture(scope="session")
def game_folder(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """The built-in game, drawn once for all workers; do not write to it."""
    root = tmp_path_factory.getbasetemp()
    root = root if worker_id == "master" else root.parent
    folder = root / "drawn" / "game"
    with FileLock(root / "drawn.lock"):
        draw_game(folder)
    return folder


@pytest.fixture(scope="session")
def sessions() -> dict[str, tuple[Screenshot, ...]]:
    """All frames of all sessions."""
    names = [session.name for session in SESSIONS]
    return {name: tuple(screenshot(name, number) for number in range(FRAMES)) for name in names}


@pytest.fixture(scope="session")
def demo_exports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The three export batches, written once; do not write to it."""
    folder = tmp_path_factory.mktemp("exports")
    write_export_batches(folder)
    return folder
