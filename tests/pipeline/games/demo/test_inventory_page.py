"""The image of the page on communities shows what the built-in game now draws."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parents[4]
SCRIPT = ROOT / "docs" / "draw_inventory.py"
PAGE = ROOT / "docs" / "how-to" / "community.md"


def test_the_committed_image_is_what_the_script_draws() -> None:
    spec = importlib.util.spec_from_file_location("draw_inventory", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    for name, image in script.images().items():
        assert f"../images/{name}" in PAGE.read_text("utf-8")
        with Image.open(ROOT / "docs" / "images" / name) as committed:
            assert np.array_equal(np.asarray(committed), np.asarray(image)), (
                f"run: uv run python {SCRIPT.relative_to(ROOT).as_posix()} docs/images"
            )
