"""Sidecars are put together by hand, and are JSON all the same."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.backgrounds.shores import Footprint, Shoreline, Wave
from pipeline.labels.boxes import Box, LabelledBox
from pipeline.scenes.dataset.sidecar import measurements_of
from pipeline.scenes.planning.planner import plan
from pipeline.scenes.planning.rule_table import RuleTable
from pipeline.scenes.rendering.measuring import Exported, SceneObject

fractions = st.floats(0, 1)
pixels = st.integers(0, 4000)
boxes = st.builds(Box, pixels, pixels, pixels, pixels)
footprints = st.builds(Footprint, *[st.floats(-100, 5000)] * 3)
objects = st.builds(
    SceneObject,
    class_name=st.text(min_size=1),
    full=st.none() | boxes,
    visible=st.none() | boxes,
    visible_fraction=fractions,
    truncated_fraction=fractions,
    covered_by=st.sampled_from([(), ("hud",), ("unit",), ("hud", "unit")]),
    player=st.none() | st.integers(0, 7),
    sprite_id=st.text(min_size=1),
    scale=st.floats(0.01, 10),
    footprint=st.none() | footprints,
)
outcomes = st.sampled_from(["hidden", "mostly hidden", "too small"]) | st.builds(
    LabelledBox, st.integers(0, 59), boxes
)
decisions = st.lists(st.builds(Exported, objects, outcomes), max_size=5)


@given(decisions)
def test_a_sidecar_says_all_of_every_object(catalogue, pack, decisions):
    scene = plan(3, RuleTable(pack().scenes, catalogue))

    said = json.loads(measurements_of(scene, decisions))

    assert (said["index"], said["seed"], said["kind"]) == (3, scene.seed, scene.kind)
    assert said["size"] == [scene.width, scene.height]
    assert len(said["objects"]) == len(decisions)
    for entry, (item, outcome) in zip(said["objects"], decisions, strict=True):
        assert list(entry) == sorted(entry)
        assert entry["class"] == item.class_name
        assert entry["sprite"] == item.sprite_id
        assert entry["player"] == item.player
        assert entry["covered_by"] == list(item.covered_by)
        assert entry["full"] == (None if item.full is None else list(item.full))
        assert entry["visible"] == (None if item.visible is None else list(item.visible))
        assert entry["dropped"] == (None if isinstance(outcome, LabelledBox) else outcome)
        for name in ("visible_fraction", "truncated_fraction", "scale"):
            assert entry[name] == pytest.approx(getattr(item, name), abs=5e-5)
        if item.footprint is None:
            assert "footprint" not in entry
        else:
            assert Footprint(**entry["footprint"]) == item.footprint


def test_a_sidecar_has_an_object_a_line(catalogue, pack):
    scene = plan(0, RuleTable(pack().scenes, catalogue))
    item = SceneObject("house", None, None, 0.0, 1.0, (), None, "house_0", 1.0)
    for count in range(4):
        text = measurements_of(scene, [Exported(item, "hidden")] * count)
        assert sum('"class"' in line for line in text.splitlines()) == count
        assert text.endswith("]}\n")


def test_a_sidecar_of_a_shore_tells_where_it_runs(catalogue, pack):
    shore = Shoreline(0.5, 12.0, (Wave(3.0, 40.0, 0.25),))
    scene = replace(plan(0, RuleTable(pack().scenes, catalogue)), shore=shore)
    said = json.loads(measurements_of(scene, []))["shore"]
    assert (said["angle"], said["offset"]) == (0.5, 12.0)
    assert [Wave(**wave) for wave in said["waves"]] == list(shore.waves)
