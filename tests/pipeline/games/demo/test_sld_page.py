"""The images of the page on SLD show what the built-in game and the reader now give."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parents[4]
SCRIPT = ROOT / "docs" / "draw_sld.py"
PAGE = ROOT / "docs" / "explanation" / "sld.md"


@pytest.mark.slow
def test_the_committed_images_are_what_the_script_draws(game_folder: Path) -> None:
    spec = importlib.util.spec_from_file_location("draw_sld", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    drawn = script.images(game_folder)
    assert drawn
    for name, image in drawn.items():
        assert f"../images/{name}" in PAGE.read_text("utf-8")
        with Image.open(ROOT / "docs" / "images" / name) as committed:
            assert np.array_equal(np.asarray(committed), np.asarray(image)), (
                f"run: uv run python {SCRIPT.relative_to(ROOT).as_posix()} docs/images"
            )
