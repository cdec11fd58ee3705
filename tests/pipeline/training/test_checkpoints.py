"""The manifest of checkpoints is only appended to, and pruning leaves what is still needed."""

import multiprocessing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.training.library.checkpoints import (
    CheckpointKind,
    CheckpointManifest,
    CheckpointMissingError,
    CheckpointRecord,
    ManifestError,
    find_checkpoint,
)


def record(
    path: str,
    epoch: int = 1,
    map50_95: float | None = 0.5,
    kind: CheckpointKind = CheckpointKind.PERIODIC,
    run_id: str = "a",
) -> CheckpointRecord:
    return CheckpointRecord(
        path=path,
        kind=kind,
        stage="train",
        epoch=epoch,
        metrics={"map50_95": map50_95},
        sha256=f"digest of {path}",
        bytes=1,
        recorded_at="2026-11-21T08:00:00+00:00",
        run_id=run_id,
    )


def keep(manifest: CheckpointManifest, path: str, **fields: object) -> Path:
    """A checkpoint on disk, with its record."""
    file = manifest.file.parent / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(b"weights")
    manifest.append(record(path, **fields))  # type: ignore[arg-type]
    return file


@pytest.fixture
def manifest(tmp_path: Path) -> CheckpointManifest:
    return CheckpointManifest(tmp_path / "checkpoints" / "manifest.jsonl")


def test_a_manifest_that_is_not_there_is_empty(manifest: CheckpointManifest) -> None:
    assert manifest.records() == ()
    assert manifest.latest_periodic() is None
    assert manifest.best() is None
    assert manifest.prune_periodic(1) == ()


def test_records_come_back_in_their_order(manifest: CheckpointManifest) -> None:
    records = (record("a.pt"), record("b.pt", kind=CheckpointKind.BEST), record("a.pt", epoch=2))
    for item in records:
        manifest.append(item)

    assert manifest.records() == records
    assert manifest.best() == records[1]


def test_a_record_that_was_cut_off_is_left_out(manifest: CheckpointManifest) -> None:
    manifest.append(record("a.pt"))
    with manifest.file.open("a") as stream:
        stream.write('{"path": "b')

    assert [item.path for item in manifest.records()] == ["a.pt"]


def test_another_file_is_refused(manifest: CheckpointManifest) -> None:
    manifest.file.parent.mkdir()
    manifest.file.write_text('{"weather": "fine"}\n')

    with pytest.raises(ManifestError, match="not a manifest"):
        manifest.records()


def test_pruning_keeps_the_last_ones_and_the_best(manifest: CheckpointManifest) -> None:
    files = [
        keep(manifest, f"run/{epoch}.pt", epoch=epoch, map50_95=figure)
        for epoch, figure in enumerate((0.1, 0.9, None, 0.3, 0.4), start=1)
    ]
    foreign = manifest.file.parent / "run" / "mine.pt"
    foreign.write_bytes(b"not in the manifest")

    removed = manifest.prune_periodic(2)

    assert removed == (files[0], files[2])
    assert [file.exists() for file in files] == [False, True, False, True, True]
    assert foreign.exists()
    assert len(manifest.records()) == 5, "what was written is never taken back"
    assert manifest.latest_periodic() == manifest.records()[-1]
    assert manifest.prune_periodic(2) == ()


def test_pruning_one_training_leaves_another_alone(manifest: CheckpointManifest) -> None:
    other = [keep(manifest, f"b/{epoch}.pt", epoch=epoch, run_id="b") for epoch in (1, 2, 3)]
    keep(manifest, "a/1.pt")
    keep(manifest, "a/2.pt")

    manifest.prune_periodic(0, "a")

    assert all(file.exists() for file in other)
    assert not (manifest.file.parent / "a" / "2.pt").exists()


def test_finished_weights_are_never_pruned(manifest: CheckpointManifest) -> None:
    file = keep(manifest, "best.pt", kind=CheckpointKind.BEST)

    manifest.prune_periodic(0)

    assert file.exists()


def test_a_negative_number_to_keep_is_refused(manifest: CheckpointManifest) -> None:
    with pytest.raises(ValueError, match="keep_last"):
        manifest.prune_periodic(-1)


@settings(deadline=None, max_examples=40)
@given(
    figures=st.lists(st.none() | st.floats(0, 1), max_size=8),
    keep_last=st.integers(0, 9),
)
def test_pruning_never_deletes_the_best_nor_the_last_ones(
    tmp_path_factory: pytest.TempPathFactory, figures: list[float | None], keep_last: int
) -> None:
    manifest = CheckpointManifest(tmp_path_factory.mktemp("p") / "manifest.jsonl")
    files = [
        keep(manifest, f"{number}.pt", epoch=number + 1, map50_95=figure)
        for number, figure in enumerate(figures)
    ]

    manifest.prune_periodic(keep_last)

    left = [file for file in files if file.exists()]
    assert set(files[max(len(files) - keep_last, 0) :]) <= set(left)
    if figures:
        best = max(range(len(figures)), key=lambda index: figures[index] or 0.0)
        assert files[best].exists()
        assert len(left) <= keep_last + 1


def append_many(file: Path, name: str) -> None:
    manifest = CheckpointManifest(file)
    for epoch in range(1, 51):
        manifest.append(record(f"{name}.pt", epoch))


def test_records_of_several_processes_do_not_mix(manifest: CheckpointManifest) -> None:
    context = multiprocessing.get_context("spawn")
    writers = [
        context.Process(target=append_many, args=(manifest.file, name)) for name in ("a", "b")
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)

    written = manifest.records()
    for name in ("a", "b"):
        assert [r.epoch for r in written if r.path == f"{name}.pt"] == list(range(1, 51))


@pytest.mark.parametrize("inside", ["", "outputs", "job/outputs"])
def test_a_checkpoint_is_found_in_the_folder_of_a_training(tmp_path: Path, inside: str) -> None:
    folder = tmp_path / inside
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "checkpoint.pt").write_bytes(b"weights")

    assert find_checkpoint(tmp_path) == folder / "checkpoint.pt"
    assert find_checkpoint(folder / "checkpoint.pt") == folder / "checkpoint.pt"


def test_the_newest_periodic_checkpoint_is_found_by_the_manifest(
    manifest: CheckpointManifest,
) -> None:
    old = keep(manifest, "a/checkpoints/2.pt", epoch=2)
    new = keep(manifest, "b/checkpoints/1.pt", run_id="b")

    folder = manifest.file.parent
    assert find_checkpoint(folder) == new
    assert find_checkpoint(folder / "a") == old


@pytest.mark.parametrize("made", [True, False])
def test_nothing_to_go_on_from_is_a_missing_file(tmp_path: Path, made: bool) -> None:
    folder = tmp_path / "training"
    if made:
        folder.mkdir()

    with pytest.raises(CheckpointMissingError, match="Cannot go on from") as caught:
        find_checkpoint(folder)

    assert isinstance(caught.value, FileNotFoundError)
    assert ("holds no checkpoint" in str(caught.value)) == made
