"""The main job from end to end, in processes of its own, on a tiny configuration."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg
import onnx
import pytest
import yaml

from assets.checks import asset_checks
from assets.core.building import DATA_VERSION_TAG
from pipeline.games.pack import load_pack
from resources.artifacts import Artifacts
from resources.paths import Paths

pytestmark = pytest.mark.timeout(900)

EVERYTHING = {
    "demo/game_files",
    "demo/sprites",
    "demo/terrain_backgrounds",
    "demo/water_backgrounds",
    "demo/synthetic_set",
    "demo/owner_model",
    "demo/cvat_export",
    "demo/cvat_merge",
    "demo/trained_weights",
    "demo/onnx_export",
    "demo/real_evaluation",
    "demo/class_thresholds",
    "demo/runtime_package",
}
AFTER_SCENES = EVERYTHING - {
    "demo/game_files",
    "demo/sprites",
    "demo/terrain_backgrounds",
    "demo/water_backgrounds",
    "demo/cvat_export",
}
AFTER_MERGE = AFTER_SCENES - {"demo/synthetic_set", "demo/cvat_merge", "demo/owner_model"}


def made(document: dict[str, Any]) -> set[str]:
    return {outcome["asset"] for outcome in document["assets"] if not outcome["skipped"]}


def versions(document: dict[str, Any]) -> dict[tuple[str, str | None], str]:
    return {(o["asset"], o["partition"]): o["data_version"] for o in document["assets"]}


@pytest.fixture(scope="module")
def outpost(new_outpost: Callable[[str], Any]) -> Any:
    return new_outpost("demo")


@pytest.fixture(scope="module")
def first(outpost: Any) -> dict[str, Any]:
    document: dict[str, Any] = outpost.demo()
    return document


@pytest.mark.slow
def test_everything_is_made_once(first: dict[str, Any]) -> None:
    assert made(first) == EVERYTHING
    assert len(first["assets"]) == len(EVERYTHING) + 2, "three export batches"


@pytest.mark.slow
def test_real_frames_are_those_of_the_held_out_session(first: dict[str, Any]) -> None:
    assert first["evaluation"]["real"]["frames"] == 24
    assert first["evaluation"]["real"]["truths"] > 100


@pytest.mark.slow
def test_drawn_images_are_judged_by_visible_and_by_full_boxes(
    first: dict[str, Any], outpost: Any
) -> None:
    visible, full = first["evaluation"]["conventions"]
    assert (visible["box"], full["box"]) == ("visible", "full")
    assert visible["micro"] == first["evaluation"]["synthetic"]["micro"]
    held_out = (outpost.home / "artifacts/demo").glob("synthetic_set/*/files/labels/val/*.txt")
    labels = [line for file in held_out for line in file.read_text("utf-8").splitlines()]
    assert full["truths"] == visible["truths"] == len(labels) > 0


@pytest.mark.slow
def test_the_bundle_is_run_by_the_runtime_alone(first: dict[str, Any], outpost: Any) -> None:
    frame = next((outpost.home / "artifacts/demo").glob("cvat_export@held*/*/files/images/*.png"))
    code = (
        "import sys\n"
        "from detector_runtime import get_detector\n"
        f"detector = get_detector({first['bundle']!r})\n"
        f"found = detector.detect_fast({str(frame)!r})\n"
        "heavy = {'torch', 'cv2', 'ultralytics', 'dagster', 'pipeline'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
        "print(detector.source.is_mock, found.image_size)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "False (320, 256)", done.stderr


@pytest.mark.slow
def test_a_second_run_does_no_work_and_says_so(first: dict[str, Any], outpost: Any) -> None:
    second = outpost.demo()
    assert made(second) == set()
    assert versions(second) == versions(first)
    spoken = outpost("demo", "--pack", str(outpost.pack))
    assert "no work was done" in " ".join(spoken.stdout.split())


@pytest.mark.exhaustive
def test_more_epochs_train_again_and_leave_the_data_alone(
    first: dict[str, Any], outpost: Any
) -> None:
    assert made(outpost.demo("--epochs", "2")) == AFTER_MERGE


@pytest.mark.slow
def test_a_changed_placement_rule_redraws_scenes_and_what_follows(
    first: dict[str, Any], outpost: Any
) -> None:
    file = outpost.pack / "scenes.yaml"
    before = file.read_text("utf-8")
    content = yaml.safe_load(before)
    content["placements"][0]["count"] = [1, 1]
    file.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    try:
        assert made(outpost.demo()) == AFTER_SCENES
    finally:
        file.write_text(before, encoding="utf-8")
    assert made(outpost.demo()) == set(), "the earlier versions are still there"


@pytest.mark.exhaustive
def test_another_machine_makes_the_same_data(
    first: dict[str, Any], new_outpost: Callable[[str], Any]
) -> None:
    other = new_outpost("other")
    elsewhere = versions(other.demo())
    data = {key for key in versions(first) if key[0] in EVERYTHING - AFTER_MERGE}
    assert {key: elsewhere[key] for key in data} == {key: versions(first)[key] for key in data}


@pytest.mark.slow
def test_the_audit_reaches_the_games_own_files(first: dict[str, Any], outpost: Any) -> None:
    done = outpost("audit", first["bundle"], "--json")
    report = json.loads(done.stdout)
    assert done.returncode == 0, report["problems"]
    audited = {link["version"]["asset"] for link in report["chain"]}
    # Thresholds are a suggestion for people: no model is made from them.
    assert audited == EVERYTHING - {"demo/class_thresholds"}


@pytest.mark.parametrize(
    "pattern",
    [
        "games/demo/resources/_common/drs/graphics/*sheep*.sld",
        "exports/demo/session_valley.zip",
        "artifacts/demo/sprites/*/files/keep/*.png",
        "artifacts/demo/synthetic_set/*/files/labels/train/*.txt",
        "artifacts/demo/trained_weights/*/files/best.pt",
    ],
)
@pytest.mark.slow
def test_the_audit_names_a_changed_byte(first: dict[str, Any], outpost: Any, pattern: str) -> None:
    file = sorted(outpost.home.glob(pattern))[0]
    chain = json.loads(outpost("audit", first["bundle"], "--json").stdout)["chain"]
    used = {link["version"]["data_version"][:20] for link in chain}
    inside = [f for f in sorted(outpost.home.glob(pattern)) if used & set(f.parts)]
    file = inside[0] if inside else file
    content = file.read_bytes()
    file.chmod(0o644)
    try:
        file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        done = outpost("audit", first["bundle"])
        assert done.returncode == 1
        assert file.name in done.stderr.replace("\n", "")
    finally:
        file.write_bytes(content)


@pytest.mark.slow
def test_the_audit_of_a_changed_model_says_that_it_is_unknown(
    first: dict[str, Any], outpost: Any, tmp_path: Path
) -> None:
    model = Path(first["bundle"]) / "model.onnx"
    changed = tmp_path / "model.onnx"
    changed.write_bytes(model.read_bytes() + b"\x00")
    done = outpost("audit", str(changed))
    assert done.returncode == 1


@pytest.mark.slow
def test_garbage_is_listed_before_it_is_removed(first: dict[str, Any], outpost: Any) -> None:
    assert "Nothing to remove" in outpost("gc").stdout
    stray = outpost.home / "artifacts/demo/sprites/0123456789abcdef0123"
    stray.mkdir()
    (stray / "file").write_bytes(b"stray")
    assert "Nothing to remove" in outpost("gc").stdout, "it may belong to a run that goes on"
    for path in (stray / "file", stray):
        os.utime(path, (0, 0))
    assert "0123456789abcdef0123" in outpost("gc").stdout.replace("\n", "")
    assert stray.exists()
    assert outpost("gc", "--delete").returncode == 0
    assert not stray.exists()
    assert made(outpost.demo()) == set()


@pytest.mark.slow
def test_the_merge_can_be_looked_at_without_writing(first: dict[str, Any], outpost: Any) -> None:
    before = sorted(outpost.home.rglob("artifacts/**/*"))
    done = outpost("merge", "--dry-run", "--game", str(outpost.pack), "--json")
    summary = json.loads(done.stdout)
    assert summary["real_train"] > summary["real_val"] > 0
    assert sorted(outpost.home.rglob("artifacts/**/*")) == before


@pytest.mark.skipif(os.name == "nt", reason="kill -9 is POSIX")
@pytest.mark.slow
def test_a_killed_run_is_completed_by_the_next_and_leaves_no_training(
    new_outpost: Callable[[str], Any],
) -> None:
    outpost = new_outpost("killed")
    running = subprocess.Popen(
        [sys.executable, "-m", "assets.cli.app", "demo", "--pack", str(outpost.pack)],
        env=outpost.environment,
        cwd=Path(__file__).parents[2],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    # It draws all screenshots and scenes before, beside whatever else runs here.
    wait_for(lambda: trains(outpost.home), seconds=400)
    running.kill()
    running.wait()
    wait_for(lambda: not living_trainings(outpost.home), seconds=60)
    second = outpost.demo()
    assert made(second) == AFTER_MERGE, "what was finished before the kill is kept"
    assert outpost("audit", second["bundle"]).returncode == 0


def trains(home: Path) -> bool:
    """Whether a training job has come to its training stage."""
    events = "".join(file.read_text() for file in home.glob("jobs/*/outputs/metrics.jsonl"))
    return '"stage": "train"' in events


def living_trainings(home: Path) -> list[int]:
    """Processes that run a job program of this state folder."""
    listed = subprocess.run(["ps", "-eo", "pid,args"], capture_output=True, text=True, check=True)
    return [
        int(line.split()[0])
        for line in listed.stdout.splitlines()
        if str(home / "jobs") in line and "program.pyz" in line
    ]


def wait_for(condition: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.2)


class Damage:
    """A copy of an artifact with something changed, as if it had been materialized so."""

    def __init__(self, outpost: Any, folder: Path) -> None:
        self.pack = load_pack(outpost.pack)
        self.original = Artifacts(paths=Paths.below(outpost.home)).store
        self.artifacts = Artifacts(paths=Paths.below(folder))
        self.checks = {
            next(iter(check.check_keys)).name: check for check in asset_checks(self.pack)
        }

    def passes(self, asset: str, check: str, change: Callable[[Path], None]) -> bool:
        """Whether a check passes on the changed copy of an asset's newest build."""
        record = max(
            (r for r in self.original.builds() if r.recipe.asset == f"demo/{asset}"),
            key=lambda r: r.made_at,
        )
        with self.artifacts.store.staging(record.recipe.asset) as staged:
            shutil.copytree(self.original.open(record.version).path, staged, dirs_exist_ok=True)
            for file in staged.rglob("*"):
                file.chmod(0o755)
            change(staged)
            artifact, _ = self.artifacts.store.commit(
                staged, lambda digest: record.model_copy(update={"data_version": digest})
            )
        with dg.DagsterInstance.ephemeral() as instance:
            tags = {DATA_VERSION_TAG: artifact.version.data_version}
            instance.report_runless_asset_event(
                dg.AssetMaterialization(dg.AssetKey(["demo", asset]), tags=tags)
            )
            context = dg.build_asset_check_context(instance=instance)
            return bool(self.checks[check](context, self.artifacts).passed)


@pytest.fixture
def damage(first: dict[str, Any], outpost: Any, tmp_path: Path) -> Damage:
    return Damage(outpost, tmp_path)


def untouched(_folder: Path) -> None:
    """Nothing changed: the check must pass, or its failure below would mean nothing."""


def put_a_whale_on_land(folder: Path) -> None:
    land = next(
        file
        for file in sorted((folder / "objects/train").glob("*.json"))
        if json.loads(file.read_text())["kind"] == "land"
        and (folder / "labels/train" / f"{file.stem}.txt").read_text().strip()
    )
    labels = folder / "labels/train" / f"{land.stem}.txt"
    _, *rest = labels.read_text().split(" ", 1)
    labels.write_text("15 " + rest[0])


def move_a_label_outside(folder: Path) -> None:
    labels = next(f for f in sorted((folder / "labels/train").glob("*.txt")) if f.read_text())
    class_id, _, *rest = labels.read_text().split(" ")
    labels.write_text(" ".join([class_id, "1.400000", *rest]))


def lose_an_image(folder: Path) -> None:
    next((folder / "images/train").glob("*")).unlink()


def export_the_other_head(folder: Path) -> None:
    model = onnx.load(folder / "model.onnx")
    for item in model.metadata_props:
        if item.key == "end2end":
            item.value = "False"
    onnx.save(model, folder / "model.onnx")


def lose_parity(folder: Path) -> None:
    report = json.loads((folder / "parity.json").read_text())
    (folder / "parity.json").write_text(json.dumps({**report, "max_box_pixels": 9.0}))


@pytest.mark.parametrize(
    ("asset", "check", "change"),
    [
        ("synthetic_set", "scene_separation", put_a_whale_on_land),
        ("synthetic_set", "label_sanity", move_a_label_outside),
        ("cvat_merge", "dataset_integrity", lose_an_image),
        ("onnx_export", "onnx_contract", export_the_other_head),
        ("onnx_export", "parity", lose_parity),
    ],
)
@pytest.mark.slow
def test_a_blocking_check_fails_on_what_it_is_for(
    damage: Damage, asset: str, check: str, change: Callable[[Path], None]
) -> None:
    assert damage.passes(asset, check, untouched)
    assert not damage.passes(asset, check, change)
