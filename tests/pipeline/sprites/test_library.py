"""A sprite library comes back from disk as it was written, with the same bytes every time."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from doubles.sprites import write_library
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.manifests import manifest_of
from pipeline.sprites.library import OpenLibrary, Sprite, SpriteLibraryError


def sprite(name: str, class_name: str | None = "sheep", seed: int = 0) -> Sprite:
    rng = np.random.default_rng(seed)
    height, width = (int(side) for side in rng.integers(1, 30, 2))
    return Sprite(
        id=f"{class_name or 'distractor'}/{name}",
        class_name=class_name,
        source=f"graphics/{name}.sld",
        source_sha256="a" * 64,
        frame=3,
        heading=1,
        step=1,
        hotspot=(-2, height + 3),
        rgba=rng.integers(0, 256, (height, width, 4), dtype=np.uint8),
        player_weight=rng.integers(0, 256, (height, width), dtype=np.uint8) if seed % 2 else None,
        shadow=rng.integers(0, 256, (5, 7), dtype=np.uint8) if seed % 3 else None,
        shadow_offset=(4, -1),
    )


SEVERAL = [sprite("a", seed=1), sprite("b", None, 2), sprite("c", "wolf", 3)]


def same(one: Sprite, other: Sprite) -> bool:
    pixels = ("rgba", "player_weight", "shadow")
    for name in pixels:
        mine, theirs = getattr(one, name), getattr(other, name)
        if (mine is None) != (theirs is None):
            return False
        if mine is not None and not np.array_equal(mine, theirs):
            return False
    blank = dict.fromkeys(pixels)
    return vars(replace(one, **blank)) == vars(replace(other, **blank))


@given(st.integers(0, 2**32))
@settings(deadline=None, max_examples=20)
def test_a_sprite_comes_back_with_every_pixel_and_number(
    tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    folder = tmp_path_factory.mktemp("library")
    write_library(folder, [sprite("a", seed=seed)])
    (read,) = OpenLibrary(folder).values()
    assert same(read, sprite("a", seed=seed))


def test_the_order_of_writing_changes_no_byte(tmp_path: Path) -> None:
    write_library(tmp_path / "one", SEVERAL)
    write_library(tmp_path / "other", iter(SEVERAL[::-1]))
    assert manifest_of(tmp_path / "one").digest == manifest_of(tmp_path / "other").digest


def test_two_sprites_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SpriteLibraryError, match="'sheep/a'"):
        write_library(tmp_path, [sprite("a"), sprite("a")])


@pytest.mark.parametrize("name", ["index.json", "sheep/a.png"])
@pytest.mark.parametrize("content", [None, b"", b'{"sprites": [{"id": 1}]}'])
def test_a_library_with_a_missing_or_damaged_file_says_what_to_do(
    tmp_path: Path, name: str, content: bytes | None
) -> None:
    write_library(tmp_path, [sprite("a")])
    (tmp_path / name).unlink()
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(SpriteLibraryError, match="Materialize the sprites again"):
        list(OpenLibrary(tmp_path).values())


def test_team_colours_come_back_where_the_game_states_them(tmp_path: Path) -> None:
    colours = tuple((n, 2 * n, 255 - n) for n in range(8))
    write_library(tmp_path / "own", [sprite("a")], colours)
    write_library(tmp_path / "none", [sprite("a")])
    assert OpenLibrary(tmp_path / "own").team_colours == colours
    assert OpenLibrary(tmp_path / "none").team_colours is None


def test_a_library_with_too_few_colours_is_refused(tmp_path: Path) -> None:
    write_library(tmp_path, [sprite("a")], tuple((n, n, n) for n in range(8)))
    index = tmp_path / "index.json"
    index.write_text(
        re.sub(
            r'"team_colours": \[\s*\[\s*0,\s*0,\s*0\s*\],', '"team_colours": [', index.read_text()
        )
    )
    with pytest.raises(SpriteLibraryError):
        OpenLibrary(tmp_path)
