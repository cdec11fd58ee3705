"""What the benchmark of choosing frames makes of its scores."""

from __future__ import annotations

import importlib.util
import math
import sys
from pathlib import Path
from types import ModuleType

import pytest

FILE = Path(__file__).parents[1] / "bench" / "box_savings.py"


@pytest.fixture
def savings(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    spec = importlib.util.spec_from_file_location("box_savings", FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # Dataclasses look their module up.
    monkeypatch.setitem(sys.modules, "box_savings", module)
    spec.loader.exec_module(module)
    return module


def scores(savings: ModuleType, factors: list[float]) -> list[object]:
    """Scores of which the chosen way needs so many times fewer boxes, one factor for each seed."""
    runs = []
    for seed, factor in enumerate(factors):
        runs.append(savings.Run(seed, "before", 0, 0, 0, 0.4))
        for budget in (80, 160, 320):
            for way, gain in (("random", 1.0), ("chosen", factor)):
                f1 = 0.3 + 0.02 * seed + 0.05 * math.log2(budget * gain)
                runs.append(savings.Run(seed, way, budget, budget, budget // 16, f1))
    return runs


def test_half_the_boxes_are_half_the_boxes(savings: ModuleType) -> None:
    figures = savings.figures_of(scores(savings, [2.0, 2.0, 2.0]))
    assert figures["boxes_saved"] == pytest.approx(0.5)
    assert figures["boxes_saved_low"] == pytest.approx(figures["boxes_saved_high"])
    assert figures["f1_chosen_80"] == pytest.approx(figures["f1_random_160"])
    assert figures["seeds"] == 3


def test_the_interval_is_of_the_seeds(savings: ModuleType) -> None:
    figures = savings.figures_of(scores(savings, [2.0, 1.0, 1.5, 0.8]))
    assert figures["boxes_saved_low"] < 0 < figures["boxes_saved"] < figures["boxes_saved_high"] < 1


def test_a_way_that_takes_more_saves_less_than_nothing(savings: ModuleType) -> None:
    assert savings.figures_of(scores(savings, [0.5, 0.5]))["boxes_saved"] == pytest.approx(-1.0)


def test_nothing_is_said_where_f1_does_not_grow(savings: ModuleType) -> None:
    flat = [savings.Run(0, way, b, b, 1, 0.5) for way in ("random", "chosen") for b in (80, 160)]
    figures = savings.figures_of([savings.Run(0, "before", 0, 0, 0, 0.5), *flat])
    assert "boxes_saved" not in figures
    assert (figures["seeds"], figures["f1_gain_80"]) == (1, 0)
    assert "f1_gain_80_low" not in figures


def test_a_gain_has_an_interval_of_the_seeds(savings: ModuleType) -> None:
    figures = savings.figures_of(scores(savings, [2.0, 1.0, 2.0]))
    gains = [0.05, 0.0, 0.05]
    reach = 4.3027 * math.sqrt(sum((g - 0.1 / 3) ** 2 for g in gains) / 2 / 3)
    assert figures["f1_gain_80"] == pytest.approx(0.1 / 3)
    assert figures["f1_gain_80_low"] == pytest.approx(0.1 / 3 - reach, abs=1e-4)
    assert figures["f1_gain_80_high"] == pytest.approx(0.1 / 3 + reach, abs=1e-4)
