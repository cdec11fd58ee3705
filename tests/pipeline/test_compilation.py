"""Compiled loops are kept for the next process where they can be, and work where they cannot."""

from __future__ import annotations

from pathlib import Path

import numba
import pytest
from numba.core.caching import CacheImpl

from pipeline.compilation import compiled, inlined, part


def doubled(number: int) -> int:
    return 2 * number


def test_a_loop_is_kept_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path))
    assert compiled(doubled)(21) == 42
    assert [file.suffix for file in tmp_path.rglob("*doubled*")].count(".nbi") == 1
    again = compiled(doubled)
    assert again(21) == 42
    assert sum(again.stats.cache_hits.values()) == 1


def test_a_loop_that_can_be_kept_nowhere_is_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CacheImpl, "_locator_classes", [])
    loop = compiled(doubled)
    assert loop(21) == 42
    assert len(loop.signatures) == 1


def test_a_wrong_setting_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(numba.config, "CACHE_LOCATOR_CLASSES", "NoSuchLocator")
    with pytest.raises(RuntimeError, match="NoSuchLocator"):
        compiled(doubled)


@pytest.mark.parametrize("way", [part, inlined])
def test_parts_are_compiled_with_what_calls_them(way) -> None:
    callee = way(doubled)

    @part
    def caller(number: int) -> int:
        return callee(number) + 1

    assert caller(21) == 43
