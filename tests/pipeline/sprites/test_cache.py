"""Extraction with a cache and with several processes: the same sprites, and nothing done twice."""

from __future__ import annotations

import os
import time
import weakref
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from doubles.sprites import write_library

from pipeline.formats.sld import encode
from pipeline.games.pack import GamePack
from pipeline.manifests import manifest_of
from pipeline.progress import Progress
from pipeline.sprites import extract
from pipeline.sprites.cache import FileSpritesCache
from pipeline.sprites.extract import ExtractionOptions, ExtractionReport, extract_library
from pipeline.sprites.library import Sprite
from pipeline.sprites.take import FileSprites, take_sprites
from tests.pipeline.sprites.test_extract import GRAPHICS, drawn, game_pack

FILES = 6


@pytest.fixture
def game(tmp_path: Path) -> Path:
    """Sheep of different sizes, one of them damaged."""
    graphics = tmp_path / "game" / GRAPHICS
    graphics.mkdir(parents=True)
    for number in range(FILES):
        data = encode([drawn(4 + number, 8 + step) for step in range(16)])
        (graphics / f"a_sheep_{number}.sld").write_bytes(data)
    (graphics / "a_sheep_bad.sld").write_bytes(data[: len(data) // 2])
    return tmp_path / "game"


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The files that are read."""
    seen: list[str] = []

    def counting(task: extract.SpriteTask, path: str, sha256: str) -> FileSprites:
        seen.append(task.name)
        return take_sprites(task, path, sha256)

    monkeypatch.setattr(extract, "take_sprites", counting)
    return seen


def library_digest(sprites: tuple[Sprite, ...], folder: Path) -> str:
    write_library(folder, sprites)
    return manifest_of(folder).digest


def run(
    game: Path, options: ExtractionOptions, pack: GamePack | None = None
) -> tuple[tuple[Sprite, ...], ExtractionReport]:
    sprites: list[Sprite] = []
    report = extract_library(game, pack or game_pack(), sprites.append, options=options)
    return tuple(sprites), report


def test_two_processes_give_the_bytes_that_one_gives(
    game: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extract, "FEWEST_FOR_PROCESSES", 2)
    monkeypatch.setattr(extract, "SHARE", 2)
    alone, report = run(game, ExtractionOptions(workers=1))
    shared, shared_report = run(game, ExtractionOptions(workers=2))
    assert library_digest(alone, tmp_path / "1") == library_digest(shared, tmp_path / "2")
    assert report == shared_report
    assert list(report.failed) == [f"{GRAPHICS}/a_sheep_bad.sld"]


def test_a_second_run_reads_only_what_failed_and_gives_the_same(
    game: Path, tmp_path: Path, reads: list[str]
) -> None:
    options = ExtractionOptions(cache=tmp_path / "cache")
    first, report = run(game, options)
    assert len(reads) == FILES + 1
    reads.clear()
    second, second_report = run(game, options)
    assert reads == ["a_sheep_bad"]
    assert library_digest(first, tmp_path / "1") == library_digest(second, tmp_path / "2")
    assert report == second_report


def test_a_changed_file_is_read_again_and_the_others_are_not(
    game: Path, tmp_path: Path, reads: list[str]
) -> None:
    options = ExtractionOptions(cache=tmp_path / "cache")
    run(game, options)
    reads.clear()
    (game / GRAPHICS / "a_sheep_0.sld").write_bytes(encode([drawn(30, 30)] * 16))
    (game / GRAPHICS / "a_sheep_bad.sld").unlink()
    sprites, _ = run(game, options)
    assert reads == ["a_sheep_0"]
    assert any(sprite.rgba.shape[:2] == (30, 30) for sprite in sprites)


def test_other_headings_or_code_read_everything_again(
    game: Path, tmp_path: Path, reads: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    options = ExtractionOptions(cache=tmp_path / "cache")
    run(game, options)
    reads.clear()
    rules = [{"class_name": "sheep", "include": ["a_sheep_*"], "headings": 2}]
    run(game, options, game_pack(rules=rules))
    assert len(reads) == FILES + 1
    reads.clear()
    monkeypatch.setattr(extract, "CODE", ("pipeline.formats",))
    run(game, options, game_pack(rules=rules))
    assert len(reads) == FILES + 1


def test_an_interrupted_run_goes_on_where_it_was(
    game: Path, tmp_path: Path, reads: list[str]
) -> None:
    options = ExtractionOptions(cache=tmp_path / "cache")

    def interrupt(progress: Progress) -> None:
        if progress.done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        extract_library(game, game_pack(), lambda _: None, interrupt, options)
    assert len(reads) == 3
    run(game, options)
    assert len(reads) == FILES + 1


def test_the_sprites_of_one_file_at_a_time_are_in_memory(game: Path, tmp_path: Path) -> None:
    """Eight sprites come of each file, and those of the file before may not be gone yet."""
    alive: weakref.WeakSet[Sprite] = weakref.WeakSet()
    most = [0]

    def keep(sprite: Sprite) -> None:
        alive.add(sprite)
        most.append(len(alive))

    report = extract_library(
        game, game_pack(), keep, options=ExtractionOptions(cache=tmp_path / "cache")
    )
    assert report.sprites["sheep"] == 4 * FILES
    assert max(most) <= 8


def test_a_damaged_entry_is_made_again_and_old_ones_are_forgotten(
    game: Path, tmp_path: Path, reads: list[str]
) -> None:
    options = ExtractionOptions(cache=tmp_path / "cache")
    before, _ = run(game, options)
    entry = min((tmp_path / "cache").iterdir())
    entry.write_bytes(entry.read_bytes()[:100])
    left_over, being_written = (tmp_path / "cache" / f"{name}.tmp" for name in ("old", "new"))
    for file in (left_over, being_written):
        file.write_bytes(b"")
    yesterday = time.time() - 25 * 3600
    os.utime(left_over, (yesterday, yesterday))
    reads.clear()
    after, _ = run(game, options)
    assert len(reads) == 2
    assert library_digest(before, tmp_path / "1") == library_digest(after, tmp_path / "2")
    assert not left_over.exists()
    being_written.unlink()  # Another process would have given it its name by now.
    assert len(list((tmp_path / "cache").iterdir())) == FILES


def test_what_is_kept_comes_back_whole(tmp_path: Path) -> None:
    pixels = np.arange(48, dtype=np.uint8).reshape(3, 4, 4)
    sprite = Sprite("a/b", None, "s", "0", 1, 2, 3, (-4, 5), pixels, pixels[..., 0], None, (6, -7))
    cache = FileSpritesCache(tmp_path)
    cache.store("key", FileSprites((sprite,), blank=2))
    kept = cache.load("key")
    assert kept is not None
    assert kept.blank == 2
    (back,) = kept.sprites
    assert (back.id, back.class_name, back.hotspot, back.shadow_offset) == (
        "a/b",
        None,
        (-4, 5),
        (6, -7),
    )
    assert np.array_equal(back.rgba, pixels)
    assert back.player_weight is not None
    assert back.shadow is None
    assert cache.load("another") is None


def test_a_cache_that_cannot_be_written_says_so(game: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(extract.ExtractionError, match=r"cannot be written to .*file.cache"):
        run(game, ExtractionOptions(cache=tmp_path / "file" / "cache"))
