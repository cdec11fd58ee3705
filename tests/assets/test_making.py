"""Making an asset: on real instances, skipped when unchanged, explained when it cannot be."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from doubles.pages import newest, shown

from assets.core.building import (
    NOTICE_LOGGER,
    AssetBuild,
    NotMaterializedError,
    build_asset,
    latest,
)
from pipeline.release.lineage.signed_records import SignatureState
from resources.artifacts import ArtifactMissingError, Artifacts
from resources.keys.private_keys import FOLDER_VARIABLE
from resources.paths import Paths

SOURCE, COPY = dg.AssetKey(["toy", "source"]), dg.AssetKey(["toy", "copy"])
WRITES: list[str] = []


class SourceConfig(dg.Config):
    """What the toy source contains."""

    text: str = "one"


@dg.asset(key=SOURCE)
def source(
    context: dg.AssetExecutionContext, config: SourceConfig, artifacts: Artifacts
) -> dg.MaterializeResult[Any]:
    build = AssetBuild(context, artifacts.store, SOURCE, "c1", {"text": config.text})

    def write(folder: Path) -> None:
        WRITES.append("source")
        if config.text == "fail":
            (folder / "half.txt").write_text("half")
            raise RuntimeError("broken")
        (folder / "text.txt").write_text(config.text.lower())

    return build_asset(build, write, lambda folder: {"shown": (folder / "text.txt").read_text()})


@dg.asset(key=COPY, deps=[SOURCE])
def copy(context: dg.AssetExecutionContext, artifacts: Artifacts) -> dg.MaterializeResult[Any]:
    store = artifacts.store
    made_from = latest(context.instance, store, SOURCE)
    build = AssetBuild(context, store, COPY, "c1", {}, (made_from,))

    def write(folder: Path) -> None:
        WRITES.append("copy")
        (folder / "copy.txt").write_bytes((made_from.path / "text.txt").read_bytes())

    return build_asset(build, write, lambda _: {})


class Bench:
    """An instance and a store, and one way to materialize."""

    def __init__(self, instance: dg.DagsterInstance, folder: Path) -> None:
        self.instance = instance
        self.artifacts = Artifacts(paths=Paths.below(folder))
        WRITES.clear()

    def run(self, *assets: Any, text: str = "one", fails: bool = False) -> list[str]:
        """Which assets were written in one run."""
        before = len(WRITES)
        result = dg.materialize(
            list(assets),
            instance=self.instance,
            resources={"artifacts": self.artifacts},
            run_config={"ops": {"toy__source": {"config": {"text": text}}}}
            if source in assets
            else None,
            raise_on_error=not fails,
        )
        assert result.success is not fails
        return WRITES[before:]

    def metadata(self, key: dg.AssetKey) -> dict[str, Any]:
        return shown(self.instance, key)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield Bench(instance, tmp_path)


def test_what_has_not_changed_is_not_made_again_and_says_so(bench: Bench) -> None:
    assert bench.run(source, copy) == ["source", "copy"]
    assert bench.run(source, copy) == []
    assert bench.metadata(COPY)["outcome"] == "unchanged, no work done"
    assert bench.metadata(SOURCE)["shown"] == "one", "the page still shows the images"


def test_a_change_makes_what_depends_on_it(bench: Bench) -> None:
    bench.run(source, copy)
    assert bench.run(source, copy, text="two") == ["source", "copy"]


def test_a_change_that_gives_the_same_bytes_goes_no_further(bench: Bench) -> None:
    bench.run(source, copy)
    assert bench.run(source, copy, text="ONE") == ["source"]


def test_going_back_to_an_earlier_configuration_costs_nothing(bench: Bench) -> None:
    bench.run(source, copy)
    bench.run(source, copy, text="two")
    assert bench.run(source, copy) == []
    version = (newest(bench.instance, COPY).tags or {})["dagster/data_version"]
    kept = latest(bench.instance, bench.artifacts.store, COPY)
    assert (kept.path / "copy.txt").read_text() == "one"
    assert version == kept.version.data_version


def test_a_failed_asset_leaves_nothing_and_the_next_run_completes(bench: Bench) -> None:
    assert bench.run(source, text="fail", fails=True) == ["source"]
    files = [path for path in bench.artifacts.store.root.rglob("*") if path.is_file()]
    assert files == []
    assert bench.run(source, copy) == ["source", "copy"]


def test_an_input_that_was_never_made_is_named(bench: Bench) -> None:
    with pytest.raises(NotMaterializedError, match="Materialize toy/source first"):
        dg.materialize([copy], instance=bench.instance, resources={"artifacts": bench.artifacts})


def test_an_input_whose_files_are_gone_is_named(bench: Bench) -> None:
    bench.run(source)
    store = bench.artifacts.store
    file = latest(bench.instance, store, SOURCE).path / "text.txt"
    file.chmod(0o600)
    file.unlink()
    with pytest.raises(ArtifactMissingError, match="Materialize toy/source again"):
        dg.materialize([copy], instance=bench.instance, resources={"artifacts": bench.artifacts})
    assert bench.run(source, copy) == ["source", "copy"]


def test_the_page_says_what_it_was_made_from(bench: Bench) -> None:
    bench.run(source, copy)
    version = latest(bench.instance, bench.artifacts.store, SOURCE).version.data_version
    assert version[:12] in bench.metadata(COPY)["made_from"]


def test_a_record_is_signed_and_the_page_says_by_whom(bench: Bench) -> None:
    bench.run(source)
    store = bench.artifacts.store
    (record,) = store.builds()
    assert record.signature is not None
    assert store.signature_of(record) is SignatureState.TRUSTED
    shown_as = bench.metadata(SOURCE)["record_signed_by"]
    assert shown_as == f"{record.signature.key_id} (trusted)"


def test_where_no_key_can_be_kept_it_is_made_all_the_same_and_said(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "file" / "keys"))
    with caplog.at_level(logging.INFO, NOTICE_LOGGER.name):
        assert bench.run(source) == ["source"]
    (record,) = bench.artifacts.store.builds()
    assert record.signature is None
    assert bench.metadata(SOURCE)["record_signed_by"] == "nobody"
    (said,) = (one.getMessage() for one in caplog.records if "unsigned" in one.getMessage())
    assert said.startswith("The record of toy/source stays unsigned.")
    assert FOLDER_VARIABLE in said, "what to do"
    monkeypatch.undo()
    assert bench.run(source) == [], "an unsigned record counts as before"


def test_a_forged_record_makes_nothing_reused(bench: Bench) -> None:
    bench.run(source)
    (file,) = bench.artifacts.store.root.rglob("builds/*.json")
    said = json.loads(file.read_text("utf-8"))
    file.write_text(json.dumps({**said, "run_id": "forged"}), encoding="utf-8")
    assert bench.run(source) == ["source"]
    assert bench.run(source) == []
