"""The labels of a project, as CVAT's schema wants them."""

import json
import re

from doubles.cvat_shapes import document
from doubles.shapes import Shapes

from pipeline.annotation.tasks.project_labels import OWNERS, project_labels, raw_labels
from pipeline.games.pack import load_pack, pack_names


def test_every_class_is_a_label_with_an_owner() -> None:
    names = load_pack("aoe2").class_names
    labels = project_labels(names)
    assert [label["name"] for label in labels] == list(names)
    assert len({label["color"] for label in labels}) == len(names) == 60
    assert all(re.fullmatch("#[0-9a-f]{6}", label["color"]) for label in labels)
    (owner,) = labels[0]["attributes"]
    assert owner["name"] == "owner"
    assert owner["default_value"] in owner["values"] == list(OWNERS)


def test_the_published_schema_takes_the_labels_of_every_pack() -> None:
    shapes = Shapes(document())
    for game in pack_names():
        body = {"name": game, "labels": project_labels(load_pack(game).class_names)}
        assert shapes.request("POST", "/api/projects", body) == []


def test_the_raw_text_is_the_same_each_time() -> None:
    names = ("sheep", "tree")
    assert raw_labels(names) == raw_labels(names)
    assert json.loads(raw_labels(names)) == project_labels(names)
