"""Team colours from an installed game's palettes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.formats.palette import PALETTES, PaletteError, palette_files, read_team_colours

COLOURS = tuple((10 * n, 255 - n, n) for n in range(8))


def write_json(file: Path, players: int = 8) -> None:
    teams = {
        f"Player {n}": {"FloatRGBA": dict(zip("rgba", (*(v / 255 for v in rgb), 0.5), strict=True))}
        for n, rgb in enumerate(COLOURS[:players], start=1)
    }
    file.write_text(json.dumps({"TeamColors": teams | {"Gaia": {}}}))


def write_palettes(folder: Path) -> None:
    for name, (red, green, blue) in zip(PALETTES, COLOURS, strict=True):
        (folder / name).write_bytes(
            f"JASC-PAL\r\n0100\r\n2\r\n{red} {green} {blue}\r\n1 2 3\r\n".encode()
        )


def test_the_games_fractions_become_bytes(tmp_path: Path) -> None:
    write_json(tmp_path / "spritecolors.json")
    assert read_team_colours(tmp_path / "spritecolors.json") == COLOURS


def test_without_it_the_separate_palettes_count(tmp_path: Path) -> None:
    write_palettes(tmp_path)
    assert read_team_colours(tmp_path / "spritecolors.json") == COLOURS
    assert [file.name for file in palette_files(tmp_path / "spritecolors.json")] == list(PALETTES)


def test_without_either_nothing_is_claimed(tmp_path: Path) -> None:
    write_palettes(tmp_path)
    (tmp_path / PALETTES[3]).unlink()
    assert read_team_colours(tmp_path / "spritecolors.json") is None


def test_a_palette_that_lacks_a_player_is_refused(tmp_path: Path) -> None:
    write_json(tmp_path / "spritecolors.json", players=7)
    with pytest.raises(PaletteError, match="Player 8"):
        read_team_colours(tmp_path / "spritecolors.json")


@pytest.mark.parametrize("value", ["1.5", "-0.1", "NaN", "Infinity", '"red"', "null", "[1]"])
def test_a_value_that_is_no_colour_is_refused(tmp_path: Path, value: str) -> None:
    file = tmp_path / "spritecolors.json"
    write_json(file)
    file.write_text(file.read_text().replace('"r": 0.0', f'"r": {value}'))
    with pytest.raises(PaletteError):
        read_team_colours(file)


@given(st.binary(max_size=80) | st.sampled_from([b"[" * 100_000, b"{}", b"JASC-PAL\n\n\n1 2"]))
@settings(deadline=None, max_examples=60)
def test_noise_is_refused(tmp_path_factory: pytest.TempPathFactory, noise: bytes) -> None:
    folder = tmp_path_factory.mktemp("palettes")
    write_palettes(folder)
    (folder / PALETTES[0]).write_bytes(noise)
    with pytest.raises(PaletteError):
        read_team_colours(folder / "spritecolors.json")
    (folder / "spritecolors.json").write_bytes(noise)
    with pytest.raises(PaletteError):
        read_team_colours(folder / "spritecolors.json")
