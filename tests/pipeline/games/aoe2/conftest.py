import pytest

from pipeline.games.pack import GamePack, load_pack


@pytest.fixture(scope="session")
def pack() -> GamePack:
    return load_pack("aoe2")
