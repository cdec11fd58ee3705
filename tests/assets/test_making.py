"""Making an asset: on real instances, skipped when unchanged, explained when it cannot be."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from doubles.pages import newest, shown

from assets.core.building import AssetBuild, NotMaterializedError, build_asset, latest
from resources.artifacts import ArtifactMissingError, Artifacts
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
