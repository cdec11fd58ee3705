"""Checks on written sets: a sound set has no findings, and each kind of damage is found."""

import json
import shutil

import pytest

from pipeline.scenes.dataset.checks import label_problems, scene_separation_problems
from pipeline.scenes.dataset.layout import SceneSetError
from pipeline.scenes.dataset.synthetic_set import SyntheticSet
from pipeline.scenes.dataset.writer import write_set


@pytest.fixture
def copy(written, tmp_path):
    return shutil.copytree(written, tmp_path / "set")


def first_of(folder, kind: str):
    """The first scene of a kind with at least one label."""
    scenes = SyntheticSet.open(folder).scenes()
    return next(s for s in scenes if s.kind == kind and s.labels.read_text())


def relabel(scene, class_id: int) -> None:
    first, *rest = scene.labels.read_text().splitlines()
    scene.labels.write_text("\n".join([f"{class_id} {first.split(' ', 1)[1]}", *rest]) + "\n")


def test_a_written_set_has_no_problems(written, pack):
    assert scene_separation_problems(SyntheticSet.open(written), pack()) == ()
    assert label_problems(SyntheticSet.open(written), pack()) == ()


@pytest.mark.parametrize("box", ["visible", "full"])
def test_sets_of_either_box_are_sound(box, pack, sources, tmp_path):
    game = pack(images=15, labels={"box": box, "min_visible": 0.5, "min_side": 10})
    write_set(tmp_path, game, sources)
    assert label_problems(SyntheticSet.open(tmp_path), game) == ()


@pytest.mark.parametrize(
    ("kind", "name", "class_id"), [("land", "boat", 2), ("water", "soldier", 1)]
)
def test_a_class_in_the_wrong_kind_of_scene_is_found(kind, name, class_id, copy, pack):
    scene = first_of(copy, kind)
    relabel(scene, class_id)
    [finding] = scene_separation_problems(SyntheticSet.open(copy), pack())
    assert finding.image == f"{scene.subset}/{scene.name}"
    assert finding.problem == f"a {kind} scene with a label of '{name}'"


def test_a_class_of_both_kinds_may_stand_anywhere(copy, pack):
    for kind in ("land", "water"):
        relabel(first_of(copy, kind), 4)
    assert scene_separation_problems(SyntheticSet.open(copy), pack()) == ()


def test_a_set_that_is_not_gated_is_found_by_the_rules_of_a_gated_one(pack, sources, tmp_path):
    game = pack(gated=False, images=10)
    write_set(tmp_path, game, sources)
    assert scene_separation_problems(SyntheticSet.open(tmp_path), game) == ()
    assert scene_separation_problems(SyntheticSet.open(tmp_path), pack(images=10))
    assert not SyntheticSet.open(tmp_path).summary.gated


def test_a_set_says_that_it_is_gated(copy):
    assert SyntheticSet.open(copy).summary.gated
    said = json.loads((copy / "set.json").read_text())
    del said["gated"]
    (copy / "set.json").write_text(json.dumps(said))
    assert SyntheticSet.open(copy).summary.gated, "as all were before they said so"


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("0 0.5 0.5 0.2", "4 fields instead of 5"),
        ("9 0.5 0.5 0.2 0.2", "class 9 is not one of 0..4"),
        ("0 0.95 0.5 0.2 0.2", "leaves the image"),
        ("0 0.5 0.5 0.0 0.2", "no area"),
    ],
)
def test_a_line_that_no_trainer_should_see_is_found(line, problem, copy, pack):
    scene = first_of(copy, "land")
    scene.labels.write_text(line + "\n")
    [finding] = label_problems(SyntheticSet.open(copy), pack())
    assert finding.image == f"{scene.subset}/{scene.name}"
    assert problem in finding.problem


def test_labels_that_are_not_what_was_measured_are_found(copy, pack):
    scene = first_of(copy, "land")
    class_id, *box = scene.labels.read_text().splitlines()[0].split()
    rest = scene.labels.read_text().splitlines()[1:]
    moved = " ".join([class_id, f"{float(box[0]) + 0.01:.6f}", *box[1:]])
    for first, problem in (
        (moved, "is not the box that was measured"),
        (" ".join([str((int(class_id) + 1) % 2), *box]), "was drawn"),
        (" ".join([class_id, *box[:2], "0.005000", box[3]]), "with a side of 1.6 px"),
    ):
        scene.labels.write_text("\n".join([first, *rest]) + "\n")
        [finding] = label_problems(SyntheticSet.open(copy), pack())
        assert problem in finding.problem


def test_missing_files_and_lines_are_found(copy, pack):
    scene = first_of(copy, "water")
    scene.image.unlink()
    with scene.labels.open("a") as stream:
        stream.write("4 0.5 0.5 0.2 0.2\n")
    problems = [finding.problem for finding in label_problems(SyntheticSet.open(copy), pack())]
    assert problems[0] == "the image is missing"
    assert "labels for" in problems[1]
    scene.labels.unlink()
    assert "is missing" in label_problems(SyntheticSet.open(copy), pack())[1].problem


def test_a_label_of_something_mostly_hidden_is_found(copy, pack):
    scene = first_of(copy, "land")
    sidecar = copy / "objects" / scene.subset / f"{scene.name}.json"
    content = json.loads(sidecar.read_text())
    labelled = next(item for item in content["objects"] if item["dropped"] is None)
    labelled["visible_fraction"] = 0.05
    sidecar.write_text(json.dumps(content))
    [finding] = label_problems(SyntheticSet.open(copy), pack())
    assert "of which 5% is visible" in finding.problem


def test_something_plain_to_see_without_a_label_is_found(copy, pack):
    scene = first_of(copy, "land")
    sidecar = copy / "objects" / scene.subset / f"{scene.name}.json"
    content = json.loads(sidecar.read_text())
    number, item = next(
        (number, item)
        for number, item in enumerate(content["objects"])
        if item["dropped"] is None and item["visible_fraction"] == 1
    )
    before = sum(other["dropped"] is None for other in content["objects"][:number])
    item["dropped"] = "mostly hidden"
    sidecar.write_text(json.dumps(content))
    rows = scene.labels.read_text().splitlines()
    scene.labels.write_text("\n".join(rows[:before] + rows[before + 1 :]) + "\n")
    [finding] = label_problems(SyntheticSet.open(copy), pack())
    assert finding.problem == f"no label of '{item['class']}', 100% visible"


def test_a_set_without_a_single_label_is_found(pack, sources, tmp_path):
    game = pack(images=4, labels={"min_side": 1000})
    write_set(tmp_path, game, sources)
    [finding] = label_problems(SyntheticSet.open(tmp_path), game)
    assert str(finding) == "all images: there is no label in the whole set"


def test_a_sidecar_that_cannot_be_read_is_an_error(copy, pack):
    (copy / "objects" / "train" / "synth_000000.json").write_text("{}")
    with pytest.raises(SceneSetError, match=r"synth_000000\.json does not describe a scene"):
        label_problems(SyntheticSet.open(copy), pack())
