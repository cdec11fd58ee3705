"""The gates of promotion: each refuses what it is there for, and says the figure."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from detector_runtime.updates.documents import ChannelPointer
from doubles.models import export_metadata, write_detector
from doubles.releases import CLASSES, new_version
from hypothesis import given
from hypothesis import strategies as st

from pipeline.evaluation.evaluation import Evaluation
from pipeline.evaluation.frames import JudgedFrame
from pipeline.evaluation.metrics.scores import Judgement
from pipeline.evaluation.reports.report import evaluate
from pipeline.manifests import sha256_of
from pipeline.release.channels import version_before
from pipeline.release.gates import Gate, GateRules, judge
from pipeline.release.version import OpenVersion


def opened(folder: Path, found: int = 16) -> OpenVersion:
    new = new_version(folder, found)
    target = folder / "downloaded"
    target.mkdir()
    for name, file in new.files.items():
        shutil.copyfile(file, target / name)
    return OpenVersion(f"000001-{0:012}", target, new.manifest(1, None))


@pytest.fixture
def version(tmp_path: Path) -> OpenVersion:
    return opened(tmp_path / "new")


def gate(name: str, candidate: OpenVersion, champion: OpenVersion | None = None) -> Gate:
    rules = GateRules(margin=0.05, class_floor=0.5, latency_factor=1000.0)
    return {one.name: one for one in judge(candidate, champion, rules)}[name]


def test_a_good_first_version_passes_everything(version: OpenVersion) -> None:
    gates = judge(version, None, GateRules())
    assert [one.name for one in gates if not one.passed] == []
    assert len(gates) == 6
    assert all(one.figure and one.limit for one in gates)
    assert gate("contract", version).figure == "300 rows, 2 classes"


@pytest.mark.parametrize(("found", "passed"), [(12, False), (15, True), (16, True), (20, True)])
def test_real_f1_may_be_below_the_champions_by_the_margin(
    version: OpenVersion, tmp_path: Path, found: int, passed: bool
) -> None:
    judged = gate("real_f1", opened(tmp_path / "other", found), version)
    assert judged.passed == passed
    assert "against 0.889 on the same 2 frames" in judged.figure


def test_figures_on_other_frames_are_compared_and_said_to_be(
    version: OpenVersion, tmp_path: Path
) -> None:
    champion = opened(tmp_path / "old", 20)
    file = champion.folder / "evaluation.json"
    file.write_text(file.read_text("utf-8").replace("session/", "another/"), "utf-8")
    judged = gate("real_f1", version, champion)
    assert (judged.passed, judged.figure) == (
        False,
        "0.889 against 1.000, on other frames or labels",
    )


def test_a_class_below_the_floor_is_named(tmp_path: Path) -> None:
    judged = gate("class_floors", opened(tmp_path / "weak", 4))
    assert (judged.passed, judged.figure) == (False, "house 0.333")
    assert gate("class_floors", opened(tmp_path / "good", 16)).figure == "lowest of 1: house 0.889"


def test_a_slower_version_is_refused(
    version: OpenVersion, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    champion = opened(tmp_path / "old")
    times = iter([40.0, 20.0, 31.0, 21.0, 50.0, 50.0])
    monkeypatch.setattr(OpenVersion, "latency_ms", lambda _self: next(times))
    assert gate("latency", version, version).figure == "it is the champion's model"
    judged = {one.name: one for one in judge(version, champion, GateRules())}["latency"]
    assert (judged.passed, judged.figure) == (False, "31.0 ms against 20.0 ms here")


def test_an_export_unlike_its_weights_is_refused(version: OpenVersion) -> None:
    file = version.folder / "parity.json"
    found = json.loads(file.read_text("utf-8"))
    file.write_text(json.dumps({**found, "unmatched": 3}), "utf-8")
    assert not gate("parity", version).passed
    file.unlink()
    judged = gate("parity", version)
    assert not judged.passed
    assert "parity.json" in judged.figure


def test_another_model_in_the_bundle_is_refused(version: OpenVersion) -> None:
    write_detector(version.folder / "model.onnx", export_metadata(CLASSES[::-1]))
    assert not gate("contract", version).passed


def test_a_bundle_that_the_runtime_does_not_take_is_refused(version: OpenVersion) -> None:
    (version.folder / "bundle.json").write_text("{", "utf-8")
    judged = gate("contract", version)
    assert not judged.passed
    assert "bundle.json" in judged.figure


def test_classes_of_the_manifest_are_those_of_the_model_that_is_loaded(
    version: OpenVersion,
) -> None:
    others = version.manifest.model_copy(update={"classes": CLASSES[::-1]})
    assert not gate("contract", replace(version, manifest=others)).passed
    # The file of that name fits, but the bundle names another one.
    said, other = version.folder / "bundle.json", version.folder / "other.onnx"
    write_detector(other, export_metadata(CLASSES[::-1]))
    bundle = json.loads(said.read_text("utf-8").replace("model.onnx", "other.onnx"))
    digest = {"sha256": sha256_of(other), "size": other.stat().st_size}
    changed = {**bundle, "classes": CLASSES[::-1], "files": {"other.onnx": digest}}
    said.write_text(json.dumps(changed), "utf-8")
    judged = gate("contract", version)
    assert not judged.passed
    assert "other.onnx" in judged.figure


def test_where_no_real_object_was_to_be_found_nothing_is_promoted(
    version: OpenVersion,
) -> None:
    report = evaluate(
        [JudgedFrame("session/0.png", (), ())], [], Judgement(CLASSES, (0.3, 0.3)), {}
    )
    Evaluation.write(version.folder, report, ())
    judged = gate("real_f1", version)
    assert (judged.passed, judged.figure) == (False, "no real object to find")


def test_what_nothing_is_said_of_is_named(version: OpenVersion) -> None:
    lineage = {k: v for k, v in version.manifest.lineage.items() if "cvat_merge" not in k}
    manifest = version.manifest.model_copy(update={"lineage": lineage})
    judged = gate("provenance", replace(version, manifest=manifest))
    assert (judged.passed, judged.figure) == (False, "nothing is said of cvat_merge")


@pytest.mark.parametrize(
    ("unsigned", "said"),
    [
        (None, "5 artifacts are named, it was not looked at whether their records are signed"),
        ((), "5 artifacts are named, every record signed by 1111111111111111"),
        (
            ("cvat_merge", "onnx_export"),
            "no trusted key has signed the records of demo/cvat_merge, demo/onnx_export",
        ),
    ],
    ids=["published before", "all", "some"],
)
def test_whether_records_are_signed_is_said_and_refuses_nothing(
    version: OpenVersion, unsigned: tuple[str, ...] | None, said: str
) -> None:
    signers = {
        asset: key
        for asset, key in (version.manifest.record_signers or {}).items()
        if asset.rpartition("/")[2] not in (unsigned or ())
    }
    manifest = version.manifest.model_copy(
        update={"record_signers": None if unsigned is None else signers}
    )
    judged = gate("provenance", replace(version, manifest=manifest))
    assert judged.passed
    assert judged.figure.endswith(said)


def moves(versions: str) -> list[ChannelPointer]:
    return [ChannelPointer.model_construct(version=version) for version in versions]


@pytest.mark.parametrize(
    ("history", "before"),
    [
        ("", None),
        ("A", None),
        ("AB", "A"),
        ("ABA", None),
        ("ABC", "B"),
        ("ABCB", "A"),
        ("AA", None),
        ("ABB", "A"),
    ],
)
def test_a_channel_goes_back_to_what_was_replaced(history: str, before: str | None) -> None:
    assert version_before(moves(history)) == before


@given(st.text("ABCD", max_size=8))
def test_rolling_back_ends_at_the_first_version(history: str) -> None:
    steps = history
    for _ in range(len(history)):
        before = version_before(moves(steps))
        if before is None:
            break
        assert before != steps[-1]
        steps += before
    assert version_before(moves(steps)) is None
