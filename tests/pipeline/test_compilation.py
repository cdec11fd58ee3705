"""Compiled loops are kept for the next process where they can be, and work where they cannot."""

from __future__ import annotations

import ast
import importlib
from pathlib import Path

import numba
import numpy as np
import pytest
from numba.core.caching import CacheImpl

from pipeline.compilation import compiled, inlined, part

ROOT = Path(__file__).parents[2]


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


MODULES = sorted(
    file.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".")
    for file in (ROOT / "pipeline").rglob("*.py")
    if "from pipeline.compilation import" in file.read_text("utf-8")
)


@pytest.mark.parametrize("name", MODULES)
def test_a_constant_of_a_loop_stands_in_its_own_file(name: str) -> None:
    """Compiled code has its value; numba keeps that code until the loop's own file changes."""
    module = importlib.import_module(name)
    assert module.__file__ is not None
    tree = ast.parse(Path(module.__file__).read_text("utf-8"))
    imported = {
        alias.asname or alias.name
        for node in tree.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    in_loops = {
        inner.id
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and node.decorator_list
        for inner in ast.walk(node)
        if isinstance(inner, ast.Name)
    }
    numbers = {key for key, value in vars(module).items() if isinstance(value, (int, np.number))}
    assert imported & in_loops & numbers == set()


def test_constants_that_stand_twice_are_the_same() -> None:
    from pipeline.formats import blocks
    from pipeline.formats.sld import compiled_kernels as sld
    from pipeline.formats.sld import grid, outline
    from pipeline.scenes.pixels import compiled_kernels as pixels
    from pipeline.scenes.pixels import prepared

    assert sld.SIDE == blocks.SIDE
    assert (sld.NO_BLOCK, sld.ALL_COVERED) == (grid.NO_BLOCK, grid.ALL_COVERED)
    assert (sld.LITERAL, sld.LONGEST_RUN) == (outline.LITERAL, outline.LONGEST_RUN)
    for name in ("BGRA", "LIGHT", "SHADOW", "CAST"):
        assert getattr(pixels, name) == getattr(prepared, name)


@pytest.mark.parametrize("name", MODULES)
def test_loops_and_what_they_take_are_typed(name: str) -> None:
    file = ROOT / f"{name.replace('.', '/')}.py"
    names = {n.id for n in ast.walk(ast.parse(file.read_text("utf-8"))) if isinstance(n, ast.Name)}
    assert "Any" not in names
