import shutil
from pathlib import Path

import pytest

from pipeline.games.pack import PACKS_FOLDER


@pytest.fixture
def pack_folder(tmp_path: Path) -> Path:
    """A copy of the built-in game's pack, for breaking."""
    return Path(shutil.copytree(PACKS_FOLDER / "demo", tmp_path / "mine"))
