"""A head learns from drawn boxes, of one player's colour for all."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from detector_runtime.owners.evidence import GRID

from pipeline.owners.examples import OwnerExamples
from pipeline.owners.owner_model import OwnerModel, OwnerModelError
from pipeline.owners.training import OwnerTraining, judged, train_head, with_threshold

PLAYERS = (("red", (220, 30, 30)), ("blue", (40, 80, 230)), ("yellow", (240, 220, 40)))
CLASSES = ("tent", "rock")
TRAINING = OwnerTraining(epochs=4)


def drawn(count: int, seed: int) -> OwnerExamples:
    """Tents on grass with a banner of their player's colour in the middle, and plain rocks."""
    rng = np.random.default_rng(seed)
    owners = rng.integers(0, len(PLAYERS) + 1, count)
    samples = rng.normal((70, 110, 50), 12, (count, GRID, GRID, 3))
    for number, owner in enumerate(owners.tolist()):
        if owner < len(PLAYERS):
            shade = rng.uniform(0.5, 1.0)
            samples[number, 14:20, 14:20] = np.array(PLAYERS[owner][1]) * shade
    return OwnerExamples(
        samples.clip(0, 255).astype(np.uint8),
        np.ones((count, GRID, GRID), np.bool_),
        (owners == len(PLAYERS)).astype(np.intp),
        np.eye(len(PLAYERS) + 1, dtype=np.float32)[owners],
    )


def test_a_head_tells_the_owners_of_boxes_that_it_has_not_seen() -> None:
    head = train_head(drawn(900, 1), PLAYERS, CLASSES, TRAINING)
    fresh = drawn(200, 2)
    right = judged(head, fresh).argmax(axis=1) == fresh.targets.argmax(axis=1)
    assert right.mean() > 0.95
    assert head.owners == ("red", "blue", "yellow", "nature")
    assert 0.2 <= with_threshold(head, fresh).threshold <= 0.95


def test_the_same_examples_give_the_same_head() -> None:
    examples, once = drawn(256, 1), OwnerTraining(epochs=1)
    heads = [train_head(examples, PLAYERS, CLASSES, once) for _ in range(2)]
    for name, array in vars(heads[0].weights).items():
        assert np.array_equal(array, getattr(heads[1].weights, name))


def test_without_validation_scenes_only_what_is_all_but_certain_is_named() -> None:
    head = train_head(drawn(100, 1), PLAYERS, CLASSES, OwnerTraining(epochs=1))
    nothing = drawn(0, 2)
    assert judged(head, nothing).shape == (0, 4)
    assert with_threshold(head, nothing).threshold == 0.95


def test_a_folder_without_a_head_names_the_asset(tmp_path: Path) -> None:
    with pytest.raises(OwnerModelError, match="owner_model"):
        OwnerModel.open(tmp_path)
