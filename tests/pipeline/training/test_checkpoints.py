"""The manifest of checkpoints is only appended to, and pruning leaves what is still needed."""

import multiprocessing
import subprocess
import sys
from pathlib import Path
from typing import TypedDict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.manifests import sha256_of
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
    assert manifest.prune_periodic(keep_last=1) == ()
    assert manifest.known_paths() == frozenset()


def test_records_come_back_in_their_order(manifest: CheckpointManifest) -> None:
    records = (record("a.pt"), record("b.pt", kind=CheckpointKind.BEST), record("a.pt", epoch=2))
    for item in records:
        manifest.append(item)

    assert manifest.records() == records
    assert manifest.best() == records[1]


@pytest.mark.parametrize("torn", [b'{"path": "b', '{"path": "\u00e4'.encode()[:-1]])
def test_a_record_that_was_cut_off_is_left_out(manifest: CheckpointManifest, torn: bytes) -> None:
    manifest.append(record("a.pt"))
    with manifest.file.open("ab") as stream:
        stream.write(torn)

    assert [item.path for item in manifest.records()] == ["a.pt"]


def test_a_name_may_have_any_letters(manifest: CheckpointManifest) -> None:
    manifest.append(record("\u00e4\u2028.pt"))

    assert [item.path for item in manifest.records()] == ["\u00e4\u2028.pt"]


def test_what_was_cut_off_does_not_spoil_what_is_added_after_it(
    manifest: CheckpointManifest,
) -> None:
    manifest.append(record("a.pt"))
    with manifest.file.open("a") as stream:
        stream.write('{"path": "b')
    manifest.append(record("c.pt"))

    assert [item.path for item in manifest.records()] == ["a.pt", "c.pt"]


@pytest.mark.skipif(sys.platform == "win32", reason="there is no limit to the size of files")
@pytest.mark.slow
def test_a_full_disk_leaves_the_manifest_as_it_was(manifest: CheckpointManifest) -> None:
    manifest.append(record("a.pt"))
    before = manifest.file.read_bytes()
    program = (
        "import resource, signal, sys\n"
        "from pathlib import Path\n"
        "from pipeline.training import CheckpointManifest\n"
        "manifest = CheckpointManifest(Path(sys.argv[1]))\n"
        "whole = manifest.records()[0]\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "most = manifest.file.stat().st_size + 20\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))\n"
        "try:\n"
        "    manifest.append(whole)\n"
        "except OSError:\n"
        "    sys.exit(3)\n"
    )
    done = subprocess.run([sys.executable, "-c", program, str(manifest.file)], check=False)

    assert done.returncode == 3
    assert manifest.file.read_bytes() == before


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

    removed = manifest.prune_periodic(keep_last=2)

    assert removed == (files[0], files[2])
    assert [file.exists() for file in files] == [False, True, False, True, True]
    assert foreign.exists()
    assert len(manifest.records()) == 5, "what was written is never taken back"
    assert manifest.latest_periodic() == manifest.records()[-1]
    assert manifest.prune_periodic(keep_last=2) == ()


def test_pruning_one_training_leaves_another_alone(manifest: CheckpointManifest) -> None:
    other = [keep(manifest, f"b/{epoch}.pt", epoch=epoch, run_id="b") for epoch in (1, 2, 3)]
    keep(manifest, "a/1.pt")
    keep(manifest, "a/2.pt")

    manifest.prune_periodic(keep_last=0, run_id="a")

    assert all(file.exists() for file in other)
    assert not (manifest.file.parent / "a" / "2.pt").exists()


def test_finished_weights_are_never_pruned(manifest: CheckpointManifest) -> None:
    file = keep(manifest, "best.pt", kind=CheckpointKind.BEST)

    manifest.prune_periodic(keep_last=0)

    assert file.exists()


def test_a_negative_number_to_keep_is_refused(manifest: CheckpointManifest) -> None:
    with pytest.raises(ValueError, match="keep_last"):
        manifest.prune_periodic(keep_last=-1)


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

    manifest.prune_periodic(keep_last=keep_last)

    left = [file for file in files if file.exists()]
    assert set(files[max(len(files) - keep_last, 0) :]) <= set(left)
    measured = [index for index, figure in enumerate(figures) if figure is not None]
    if measured:
        best = max(measured, key=lambda index: figures[index] or 0.0)
        assert files[best].exists()
        assert len(left) <= keep_last + 1


class OfPolicy(TypedDict):
    seed: int
    curriculum_level: int
    run_id: str
    config_hash: str


OF_POLICY: OfPolicy = {"seed": 7, "curriculum_level": 3, "run_id": "r", "config_hash": "h"}


def checkpoint(manifest: CheckpointManifest, name: str, content: bytes = b"weights") -> Path:
    file = manifest.file.parent / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    return file


def register(manifest: CheckpointManifest, name: str, step: int) -> Path:
    file = checkpoint(manifest, name)
    manifest.register(file, artifact_type=CheckpointKind.PERIODIC, step=step, **OF_POLICY)
    return file


def test_a_policy_is_registered_once(manifest: CheckpointManifest) -> None:
    file, kind = checkpoint(manifest, "ppo_10_steps.safetensors"), CheckpointKind.PERIODIC
    first = manifest.register(file, artifact_type=kind, step=10, **OF_POLICY)
    again = manifest.register(file, artifact_type=kind, step=10, **OF_POLICY)

    assert manifest.records() == (first,) == (again,)
    assert first.seed == 7
    assert (first.curriculum_level, first.run_id, first.config_hash) == (3, "r", "h")
    assert first.sha256 == sha256_of(file)
    assert manifest.has_entry(file, artifact_type=kind, step=10)
    assert not manifest.has_entry(file, artifact_type=kind, step=11)
    assert not manifest.has_entry(file, artifact_type=CheckpointKind.BEST, step=10)
    assert manifest.known_paths() == {"ppo_10_steps.safetensors"}

    file.write_bytes(b"other weights")
    other = manifest.register(file, artifact_type=kind, step=10, **OF_POLICY)
    assert manifest.records() == (first, other)
    assert manifest.latest_entry_for_path(file) == other
    best = manifest.register(file, artifact_type=CheckpointKind.BEST, step=10, **OF_POLICY)
    assert manifest.register(file, artifact_type=kind, step=10, **OF_POLICY) == other
    assert manifest.records() == (first, other, best)
    assert manifest.latest_entry_for_path(file) == best
    assert manifest.latest_entry_for_path(file.with_name("nobody")) is None


def test_only_files_below_the_manifest_are_registered(
    manifest: CheckpointManifest, tmp_path: Path
) -> None:
    outside = tmp_path / "outside.safetensors"
    outside.write_bytes(b"weights")
    for file, error in (
        (outside, ManifestError),
        (manifest.file.with_name("gone"), CheckpointMissingError),
    ):
        with pytest.raises(error):
            manifest.register(file, artifact_type=CheckpointKind.BEST, step=1, **OF_POLICY)
    assert manifest.records() == ()


def test_periodic_checkpoints_are_found_by_folder_and_prefix(manifest: CheckpointManifest) -> None:
    later = register(manifest, "a/ppo_s1_20_steps.safetensors", 20)
    register(manifest, "a/ppo_s1_10_steps.safetensors", 10)  # of a run that was resumed
    register(manifest, "b/ppo_s1_90_steps.safetensors", 90)
    register(manifest, "a/ppo_s2_80_steps.safetensors", 80)

    folder = manifest.file.parent / "a"
    newest = manifest.latest_periodic(folder, "ppo_s1")
    assert newest is not None
    assert manifest.path_of(newest) == later
    assert manifest.latest_periodic(folder, "nobody") is None


def test_of_policies_the_highest_steps_stay(manifest: CheckpointManifest) -> None:
    files = {step: register(manifest, f"ppo_{step}_steps.x", step) for step in (10, 30, 20)}
    other = register(manifest, "other_1_steps.x", 1)
    foreign = checkpoint(manifest, "ppo_5_steps.x")

    removed = manifest.prune_periodic(manifest.file.parent, "ppo", 2)

    assert removed == (files[10],)
    assert [file.exists() for file in (files[20], files[30], other, foreign)] == [True] * 4
    assert manifest.prune_periodic(manifest.file.parent, "ppo", 2) == ()


def test_snapshots_are_pruned_by_themselves(manifest: CheckpointManifest) -> None:
    periodic = register(manifest, "pool/ppo_1_steps.x", 1)
    pool = [checkpoint(manifest, f"pool/snapshot_{step}") for step in range(4)]
    for step, file in enumerate(pool):
        manifest.register(file, artifact_type=CheckpointKind.SNAPSHOT, step=step, **OF_POLICY)

    assert manifest.prune_self_play_snapshots(periodic.parent, 3) == (pool[0],)
    assert manifest.prune_self_play_snapshots(manifest.file.parent, 0) == ()
    assert periodic.exists()
    with pytest.raises(ValueError, match="keep_last"):
        manifest.prune_self_play_snapshots(periodic.parent, -1)


def register_all(file: Path) -> None:
    manifest = CheckpointManifest(file)
    for step in range(6):
        manifest.register(
            file.with_name(f"{step}.x"),
            artifact_type=CheckpointKind.PERIODIC,
            step=step,
            **OF_POLICY,
        )


@pytest.mark.slow
def test_two_processes_register_a_checkpoint_once(manifest: CheckpointManifest) -> None:
    for step in range(6):
        checkpoint(manifest, f"{step}.x")
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=register_all, args=(manifest.file,)) for _ in range(2)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)

    assert [writer.exitcode for writer in writers] == [0, 0]
    assert sorted(r.step for r in manifest.records()) == list(range(6))


def append_many(file: Path, name: str) -> None:
    manifest = CheckpointManifest(file)
    for epoch in range(1, 21):
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
        assert [r.epoch for r in written if r.path == f"{name}.pt"] == list(range(1, 21))


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
