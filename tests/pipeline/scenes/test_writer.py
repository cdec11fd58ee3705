"""Sets: complete, the same for any number of workers, and refused with a reason when they fail."""

import json
import pickle
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.manifests import manifest_of
from pipeline.scenes.dataset.layout import SceneSetError, Shard, shards
from pipeline.scenes.dataset.shard_writer import open_shard_writer
from pipeline.scenes.dataset.synthetic_set import SyntheticSet
from pipeline.scenes.dataset.writer import finish_set, worker_shards, write_set
from pipeline.scenes.sources.catalogue import BackgroundError


def files_in(folder: Path, part: str) -> int:
    return len([file for file in (folder / part).rglob("*") if file.is_file()])


def test_a_set_holds_an_image_labels_and_measurements_for_every_index(written):
    assert {files_in(written, part) for part in ("images", "labels", "objects")} == {40}
    image = cv2.imread(str(written / "images" / "train" / "synth_000000.jpg"))
    assert image.shape == (256, 320, 3)


def test_the_merge_reads_the_set(written, pack):
    images = SyntheticSet.open(written).labelled_images(pack().class_names)
    assert len(images) == 40
    assert sum(image.subset == "val" for image in images) == 8


def test_the_summary_counts_what_was_written(written, pack):
    summary = json.loads((written / "set.json").read_text())
    rows = [
        row
        for p in SyntheticSet.open(written).labelled_images(pack().class_names)
        for row in p.rows
    ]
    assert summary["game"] == "toy"
    assert summary["images"] == sum(summary["scenes"].values()) == 40
    for class_id, name in enumerate(summary["classes"]):
        assert summary["counts"][name] == sum(row.class_id == class_id for row in rows) > 0
    sidecars = [json.loads(file.read_text()) for file in written.glob("objects/*/*.json")]
    objects = [item for sidecar in sidecars for item in sidecar["objects"]]
    dropped = sum(item["dropped"] is not None for item in objects)
    assert dropped == sum(sum(reasons.values()) for reasons in summary["dropped"].values()) > 0


@pytest.mark.slow
def test_two_processes_write_the_bytes_that_one_writes(written, pack, sources, tmp_path):
    rules = pack().scenes.model_copy(update={"images": 60})
    larger = pack().model_copy(update={"scenes": rules})
    write_set(tmp_path / "one", larger, sources)
    write_set(tmp_path / "two", larger, sources, workers=2)
    assert manifest_of(tmp_path / "one") == manifest_of(tmp_path / "two")


def test_shards_in_any_order_and_twice_write_the_same_bytes(written, pack, sources, tmp_path):
    planned = shards(40, size=7)
    (tmp_path / "images" / "train").mkdir(parents=True)
    (tmp_path / "images" / "train" / "synth_000008.jpg").write_bytes(b"half an image")
    open_shard_writer(pack(), sources).write(planned[1], tmp_path)
    finished = [
        open_shard_writer(pack(), sources).write(part, tmp_path) for part in reversed(planned)
    ]
    finish_set(tmp_path, pack(), finished)
    assert manifest_of(tmp_path) == manifest_of(written)


def test_progress_ends_with_every_image_drawn(pack, sources, tmp_path):
    readings = []
    write_set(tmp_path, pack(images=70), sources, report=readings.append)
    assert [(reading.done, reading.total) for reading in readings] == [(0, 70), (50, 70), (70, 70)]


@given(st.integers(1, 2000), st.integers(2, 5))
@settings(deadline=None)
def test_shards_cover_a_set_once_and_end_small(images, workers):
    cut = worker_shards(images, workers)
    assert [n for part in cut for n in range(part.first, part.stop)] == list(range(images))
    for part in cut:
        assert part.images <= max(10, (images - part.first) / (2 * workers))
        assert part.images <= 150


def test_a_set_with_a_missing_shard_is_not_finished(pack, sources, tmp_path):
    counts = open_shard_writer(pack(), sources).write(Shard(0, 30), tmp_path)
    with pytest.raises(SceneSetError, match=r"10 files too few and 0 too many.*synth_000030"):
        finish_set(tmp_path, pack(), [counts])
    assert not (tmp_path / "set.json").exists()


def test_a_set_drawn_over_another_is_not_finished(written, pack, sources, tmp_path):
    shutil.copytree(written, tmp_path / "set")
    with pytest.raises(SceneSetError, match="0 files too few and 10 too many"):
        write_set(tmp_path / "set", pack(images=30), sources)


def test_an_error_in_a_worker_arrives_whole(pack, sources, tmp_path):
    with pytest.raises(BackgroundError, match=r"(?s)not a folder of backgrounds.*What to do"):
        write_set(tmp_path / "set", pack(), replace(sources, land=tmp_path), workers=2)


DRAW_FOR_EVER = """
import pickle, sys
from pathlib import Path
from pipeline.scenes.dataset.writer import write_set

if __name__ == "__main__":
    folder, pack, sources = pickle.loads(Path(sys.argv[1]).read_bytes())
    write_set(folder, pack, sources, workers=2)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="finds the workers in /proc")
def test_workers_end_when_their_parent_is_killed(pack, sources, tmp_path):
    """A killed run must leave nobody writing into its folder."""
    (tmp_path / "job").write_bytes(pickle.dumps((tmp_path / "set", pack(images=100_000), sources)))
    (tmp_path / "draw.py").write_text(DRAW_FOR_EVER)
    parent = subprocess.Popen([sys.executable, tmp_path / "draw.py", tmp_path / "job"])
    eventually(lambda: (tmp_path / "set" / "images").exists())
    workers = children_of(parent.pid)
    parent.kill()
    parent.wait()
    assert len(workers) >= 2
    eventually(lambda: not any(is_running(pid) for pid in workers))


def eventually(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def children_of(pid: int) -> list[int]:
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(child) for child in text.split()]


def is_running(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rsplit(")", 1)[1].split()[0] != "Z"


@pytest.mark.skipif(sys.platform != "linux", reason="needs /dev/full")
def test_a_full_disk_is_reported_with_what_to_do(pack, sources, tmp_path):
    (tmp_path / "images" / "train").mkdir(parents=True)
    (tmp_path / "images" / "train" / "synth_000003.jpg").symlink_to("/dev/full")
    with pytest.raises(SceneSetError, match=r"(?s)no room left on the disk.*Free some space"):
        write_set(tmp_path, pack(), sources)


def test_a_folder_that_cannot_be_made_is_named(pack, sources, tmp_path):
    (tmp_path / "set").write_text("a file")
    with pytest.raises(SceneSetError, match="set cannot be written"):
        write_set(tmp_path / "set", pack(), sources)
