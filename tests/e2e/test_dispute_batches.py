"""The built-in game's players disagree, and somebody who knows decides in CVAT."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from doubles.cvat import Task, running_cvat
from typer.testing import CliRunner

from assets.cli.app import app
from assets.core.building import latest
from assets.core.keys import GameKeys
from assets.core.runs import materialize
from assets.definitions import build_definitions
from pipeline.community.dispute_batches.dispute_batch import DisputeBatch
from pipeline.community.dispute_batches.tag_labels import NONE_OF_THESE, tag_labels_of
from pipeline.community.voted_crops import VotedCrops
from pipeline.games.pack import load_pack
from resources.cvat import Cvat
from resources.defaults import Resources
from resources.instance import open_instance
from resources.paths import Paths

pytestmark = pytest.mark.slow

PACK = load_pack("demo")
KEYS = GameKeys.of(PACK)
BATCHES = ("first", "second")


def test_two_batches_of_decisions_settle_what_votes_did_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = Resources.of(Paths.below(tmp_path / "home"))
    resources, truth_file = replace(plain, cvat=Cvat(poll_seconds=0.02)), tmp_path / "truth.json"

    def outpost(*words: str) -> str:
        done = CliRunner().invoke(app, [*words], obj=resources)
        assert done.exit_code == 0, done.output
        return done.output

    outpost("community", "simulate", "--installs", "24", "--truth", str(truth_file))
    truth = json.loads(truth_file.read_text("utf-8"))["names"]
    with running_cvat() as cvat, open_instance(resources.state) as instance:
        cvat.use(monkeypatch)
        definitions = build_definitions(PACK, resources.by_name())
        store = resources.artifacts.store
        staged = resources.contributions.staging("demo").installs().installs
        instance.add_dynamic_partitions("demo_contributors", [str(one) for one in staged])
        for install in staged:
            materialize(definitions, instance, [KEYS.staged_crops], partition=str(install))

        def accepted() -> int:
            """Images whose label is believed; all of them are right."""
            materialize(definitions, instance, [KEYS.voted_crops])
            voted = VotedCrops.open(latest(instance, store, KEYS.voted_crops).path)
            believed = [crop for crop in voted.content.crops if crop.status == "accepted"]
            wrong = [crop for crop in believed if truth[crop.members[0].sha256] != crop.label]
            assert wrong == []
            return sum(len(crop.members) for crop in believed)

        def decide(name: str) -> int:
            """Give every image of a batch its true tag; how many had it before."""
            outpost("community", "disputes", "--batch", name, "--most", "100")
            outpost("cvat", "push", name)
            task = next(one for one in cvat.tasks.values() if one.name == name)
            batch = DisputeBatch.open(latest(instance, store, KEYS.disputed_crops, name).path)
            before = tag_names(task)
            labels = tag_labels_of(batch.names)
            for crop in batch.crops:
                cvat.tag(task, crop.image, labels.get(truth[crop.sha256], NONE_OF_THESE))
            cvat.finish(task)
            assert "100 decided" in outpost("cvat", "pull")
            return sum(truth[crop.sha256] == before[crop.image] for crop in batch.crops)

        def tag_names(task: Task) -> dict[str, str]:
            names = {label["id"]: label["name"] for label in cvat.labels_of(task.project)}
            return {task.names[tag["frame"]]: names[tag["label_id"]] for tag in task.tags}

        counts, preset = [accepted()], []
        for name in BATCHES:
            preset.append(decide(name))
            counts.append(accepted())
        print(f"images believed: {counts}; preset tags that were right: {preset} of 100 each")
        assert counts == sorted(set(counts))
        assert preset[0] < preset[1], "the doubtful ones come first"
        asked = [
            DisputeBatch.open(latest(instance, store, KEYS.disputed_crops, name).path)
            for name in BATCHES
        ]
        assert not asked[0].digests & asked[1].digests
        assert Counter(crop.status for crop in asked[0].crops)["disputed"] > 0
