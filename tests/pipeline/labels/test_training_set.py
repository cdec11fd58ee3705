from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline import links
from pipeline.games.pack import MergeRules
from pipeline.labels.merge import MergePlan, RealImage, plan_merge
from pipeline.labels.synthetic import SUBSETS
from pipeline.labels.training_set import TrainingSet, TrainingSetError
from pipeline.manifests import manifest_of

CLASSES = ("sheep", "wolf", "ship")
RULES = MergeRules(oversample_real=4)


@pytest.fixture
def plan(make_batch: Any, drawn: Any) -> MergePlan:
    frames = {f"s{s}_{n}.png": f"{s} {n}" for s in range(6) for n in range(2)}
    return plan_merge([make_batch("b", frames)], drawn, CLASSES, RULES)


@pytest.fixture
def written(plan: MergePlan, tmp_path: Path) -> Path:
    folder = tmp_path / "set"
    TrainingSet.write(folder, plan)
    return folder


def problems_in(folder: Path) -> tuple[str, ...]:
    """What is wrong with a set, be it that it cannot be opened."""
    try:
        return TrainingSet.open(folder).problems()
    except TrainingSetError as error:
        return (error.problem,)


def test_a_written_set_has_no_problems(written: Path) -> None:
    assert problems_in(written) == ()


def test_real_training_frames_are_listed_several_times_and_lie_there_once(written: Path) -> None:
    listed = Counter(TrainingSet.open(written).listed["train"])
    times = {name.startswith("images/train/real_"): count for name, count in listed.items()}
    assert times == {True: 4, False: 1}
    assert listed.total() == TrainingSet.open(written).summary.listed_train
    lying = {file.name for file in (written / "images" / "train").iterdir()}
    assert lying == {name.rpartition("/")[2] for name in listed}


def test_validation_is_listed_once_and_never_trained_on(written: Path) -> None:
    validation = TrainingSet.open(written).listed["val"]
    assert Counter(validation).most_common(1)[0][1] == 1
    stems = {Path(name).stem for name in validation}
    assert not stems & {Path(name).stem for name in TrainingSet.open(written).listed["train"]}


def test_labels_hold_the_frames_boxes(written: Path) -> None:
    label = next((written / "labels").rglob("real_b_s0_0-*.txt"))
    assert label.read_text() == "0 0.140625 0.166667 0.156250 0.166667\n"


def test_images_share_their_bytes_with_the_batches(written: Path, plan: MergePlan) -> None:
    real = plan.real[0]
    copied = written / "images" / real.subset / real.name
    assert copied.samefile(real.source.image)


def test_where_links_are_impossible_images_are_copied(
    plan: MergePlan, written: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError("no links here")

    monkeypatch.setattr(links.os, "link", refuse)
    TrainingSet.write(tmp_path / "copied", plan)
    assert manifest_of(tmp_path / "copied") == manifest_of(written)
    real = plan.real[0]
    assert not (tmp_path / "copied/images" / real.subset / real.name).samefile(real.source.image)


@pytest.mark.parametrize("are_links_possible", [True, False])
def test_an_image_is_never_written_over_another(
    plan: MergePlan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, are_links_possible: bool
) -> None:
    def refuse(*_: object) -> None:
        raise OSError("no links here")

    if not are_links_possible:
        monkeypatch.setattr(links.os, "link", refuse)
    monkeypatch.setattr(RealImage, "name", "real.png")
    before = [manifest_of(real.source.folder) for real in plan.real]
    with pytest.raises(TrainingSetError, match="have one name"):
        TrainingSet.write(tmp_path / "set", plan)
    assert [manifest_of(real.source.folder) for real in plan.real] == before


def test_the_set_names_no_place_on_this_machine(written: Path, tmp_path: Path) -> None:
    for file in written.rglob("*"):
        if file.suffix in {".txt", ".json", ".yaml"}:
            assert str(tmp_path) not in file.read_text()
    assert "path" not in yaml.safe_load((written / "dataset.yaml").read_text())


def test_classes_are_read_back_in_order(written: Path) -> None:
    assert TrainingSet.open(written).class_names == CLASSES


@pytest.mark.slow
def test_ultralytics_finds_every_image_and_label_from_anywhere(
    written: Path, tmp_path: Path
) -> None:
    moved = tmp_path / "moved" / "images" / "set"
    moved.parent.mkdir(parents=True)
    written.rename(moved)
    # In a process of its own: importing ultralytics changes Pillow for everyone in the process.
    program = tmp_path / "find.py"
    program.write_text(FIND_IMAGES)
    command = [sys.executable, str(program), str(tmp_path), str(moved)]
    output = subprocess.run(command, check=True, capture_output=True).stdout
    listed = TrainingSet.open(moved).listed
    expected = {subset: len(listed[subset]) for subset in SUBSETS}
    found = {"names": list(CLASSES), "images": expected, "labels": expected}
    assert json.loads(output.splitlines()[-1]) == [found, found]


FIND_IMAGES = """
import json, os, sys
from pathlib import Path
from types import SimpleNamespace
from ultralytics.data.base import BaseDataset
from ultralytics.data.utils import check_det_dataset, img2label_paths

def find(here, dataset):
    os.chdir(here)
    data = check_det_dataset(dataset)
    found = {"names": list(data["names"].values()), "images": {}, "labels": {}}
    for subset in ("train", "val"):
        finder = SimpleNamespace(prefix="", fraction=1.0)
        images = BaseDataset.get_img_files(finder, data[subset])
        found["images"][subset] = sum(Path(file).is_file() for file in images)
        found["labels"][subset] = sum(Path(file).is_file() for file in img2label_paths(images))
    return found

elsewhere, dataset = sys.argv[1:]
answers = [find(elsewhere, f"{dataset}/dataset.yaml"), find(dataset, "dataset.yaml")]
print()
print(json.dumps(answers))
"""


def relist(subset: str, change: Callable[[list[str]], list[str]]) -> Callable[[Path], None]:
    """Another list, of which the summary knows."""
    counted = {"train": "listed_train", "val": "total_val"}[subset]

    def relisted(folder: Path) -> None:
        lines = change((folder / f"{subset}.txt").read_text().splitlines())
        (folder / f"{subset}.txt").write_text("".join(f"{line}\n" for line in lines))
        summary = json.loads((folder / "merge_summary.json").read_text())
        summary[counted] = len(lines)
        (folder / "merge_summary.json").write_text(json.dumps(summary))

    return relisted


def append(subset: str, line: str) -> Callable[[Path], None]:
    return relist(subset, lambda lines: [*lines, line])


def unlink(file: str) -> Callable[[Path], None]:
    return lambda folder: (folder / file).unlink()


def overwrite(file: str, content: bytes) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        (folder / file).unlink()
        (folder / file).write_bytes(content)

    return change


SYNTHETIC = "images/train/synth_000000.jpg"
VALIDATION = "images/val/synth_000004.jpg"


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (unlink(SYNTHETIC), f"{SYNTHETIC} is not a readable image"),
        (overwrite(SYNTHETIC, b"x"), f"{SYNTHETIC} is not a readable image"),
        (unlink("labels/train/synth_000000.txt"), "synth_000000.txt is missing"),
        (overwrite("labels/val/synth_000004.txt", b"7 .5 .5 .1 .1"), "class 7 is not one of"),
        (overwrite("labels/val/synth_000004.txt", b"1 .99 .5 .1 .1"), "leaves the image"),
        (append("val", f"./{VALIDATION}"), f"val.txt lists {VALIDATION} more than once"),
        (append("val", f"./{SYNTHETIC}"), "which is not in images/val"),
        (append("train", f"./{VALIDATION}"), "synth_000004 is in train.txt and val.txt"),
        (unlink("val.txt"), "val.txt is missing"),
        (relist("val", lambda _: []), "val.txt lists no image"),
        (overwrite("dataset.yaml", b"names: 3"), "does not name the classes"),
        (overwrite("dataset.yaml", b":"), "does not name the classes"),
    ],
)
def test_each_kind_of_damage_is_found(
    written: Path, change: Callable[[Path], None], problem: str
) -> None:
    change(written)
    assert any(problem in found for found in problems_in(written))


def test_files_that_are_listed_nowhere_are_found(written: Path) -> None:
    os.link(written / SYNTHETIC, written / "images/train/extra.jpg")
    (written / "labels/train/extra.txt").write_text("")
    assert problems_in(written) == (
        "images/train/extra.jpg is listed nowhere",
        "labels/train/extra.txt belongs to no listed image",
    )


def test_a_folder_without_a_summary_is_no_training_set(written: Path) -> None:
    (written / "merge_summary.json").unlink()
    with pytest.raises(TrainingSetError, match="is not the summary"):
        TrainingSet.open(written)


def test_a_list_with_fewer_lines_than_were_written_is_found(written: Path) -> None:
    lines = (written / "train.txt").read_text().splitlines(keepends=True)
    (written / "train.txt").unlink()
    (written / "train.txt").write_text("".join(lines[:-1]))
    [problem] = problems_in(written)
    assert "train.txt has 43 lines, and the summary tells of 44" in problem


def test_images_are_those_of_the_lists_and_no_stray_file(written: Path, tmp_path: Path) -> None:
    copied = tmp_path / "copied"
    shutil.copytree(written, copied)
    (copied / "images" / "train" / ".DS_Store").write_bytes(b"")
    opened = TrainingSet.open(copied)
    names = [image.name for image in opened.images("train")]
    assert names == sorted({Path(line).name for line in opened.listed["train"]})


def test_where_each_real_image_comes_from_is_kept(written: Path, plan: MergePlan) -> None:
    expected = [real.source.fingerprint for real in plan.real]
    assert list(TrainingSet.open(written).fingerprints()) == expected
    lines = [json.loads(line) for line in (written / "real_frames.jsonl").read_text().splitlines()]
    assert all((written / line["image"]).is_file() for line in lines)
    assert {line["batch"] for line in lines} == {"b"}


def test_of_a_set_of_before_the_images_are_read(written: Path, plan: MergePlan) -> None:
    (written / "real_frames.jsonl").unlink()
    with pytest.raises(TrainingSetError, match="cannot be read"):
        TrainingSet.open(written).fingerprints()
    summary = json.loads((written / "merge_summary.json").read_text())
    summary["validation_leak_count"] = None
    (written / "merge_summary.json").write_text(json.dumps(summary))
    read = TrainingSet.open(written).fingerprints()
    assert {one.sha256 for one in read} == {real.frame.sha256 for real in plan.real}


def test_a_record_of_real_images_that_was_cut_is_refused(written: Path) -> None:
    file = written / "real_frames.jsonl"
    file.write_text("".join(file.read_text().splitlines(keepends=True)[1:]))
    with pytest.raises(TrainingSetError, match="tells of 11 of 12 real images"):
        TrainingSet.open(written).fingerprints()
