from __future__ import annotations

from pathlib import Path

import pytest
from doubles.contributing import Player


@pytest.fixture
def player(tmp_path: Path) -> Player:
    return Player(tmp_path)
