"""The tutorial of the first hundred screenshots: its commands, in its order, with two trainings."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from assets.core.keys import GameKeys
from assets.core.runs import materialize, register_batches
from assets.definitions import build_definitions
from pipeline.games.pack import PACKS_FOLDER, load_pack
from pipeline.labels.batches import ExportBatch
from pipeline.labels.training_set import TrainingSet
from resources.defaults import Resources
from resources.instance import open_instance
from resources.paths import Paths

pytestmark = [pytest.mark.exhaustive, pytest.mark.timeout(1800)]

PAGE = Path(__file__).parents[2] / "docs" / "tutorial-first-screenshots.md"
NEEDS_MORE = ("dev", "cvat")
"""Commands that go on until they are ended, and those that need a server."""


def commands() -> Iterator[list[str]]:
    """The words of each command of the page behind `outpost`."""
    for block in re.findall(r"^```\n(.*?)^```", PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE):
        for line in block.splitlines():
            words = shlex.split(line, comments=True)
            if words[:3] == ["uv", "run", "outpost"] and words[3] not in NEEDS_MORE:
                yield [word for word in words[3:] if word != "--open"]


def read_in_the_ui(outpost: Any, batch: str) -> None:
    """What a click on *Materialize* does for a partition of `cvat_export`."""
    pack = load_pack(str(outpost.pack))
    resources = Resources.of(Paths.below(outpost.home))
    with open_instance(resources.state) as instance:
        register_batches(instance, pack, resources.exports, resources.artifacts.store)
        definitions = build_definitions(pack, resources.by_name())
        materialize(definitions, instance, [GameKeys.of(pack).cvat_export], partition=batch)


def test_every_command_of_the_page_does_what_the_page_says(
    new_outpost: Callable[[str], Any],
) -> None:
    outpost = replace(new_outpost("tutorial"), pack=PACKS_FOLDER / "demo")
    said: dict[str, str] = {}
    for words in commands():
        if words == ["gallery", "demo/cvat_export@first_hundred"]:
            read_in_the_ui(outpost, "first_hundred")
        done = outpost(*words)
        assert done.returncode == 0, (words, done.stderr)
        command = " ".join(words)
        said[f"{command}, again" if command in said else command] = done.stdout + done.stderr
    artifacts = outpost.home / "artifacts" / "demo"
    (batch,) = artifacts.glob("cvat_export@first_hundred/*/files")
    assert ExportBatch.open(batch).batch.frames
    merged = [TrainingSet.open(folder) for folder in artifacts.glob("cvat_merge/*/files")]
    first, second = sorted(one.summary.real_train + one.summary.real_val for one in merged)
    assert second > first, "the second training set holds the chosen batch as well"
    assert "1 batch" in said["retrain --why"]
    assert "real train" in said["merge --dry-run"]
    assert "F1" in said["demo, again"]
