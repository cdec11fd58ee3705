"""The registry keeps models by game, purpose and version, whoever writes at once."""

import json
import multiprocessing
import os
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path

import pytest

from pipeline.training.library.registry import (
    ModelRegistry,
    NotRegisteredError,
    RegisteredFileError,
    RegistryEntry,
    RegistryError,
)


@pytest.fixture
def registry(tmp_path: Path) -> ModelRegistry:
    return ModelRegistry(tmp_path / "registry")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    file = tmp_path / "best.onnx"
    file.write_bytes(b"model")
    return file


def test_an_entry_comes_back_from_the_disk(registry: ModelRegistry, model: Path) -> None:
    entry = registry.register("demo", "detector", model, metrics={"map50_95": 0.4}, run_id="r")

    again = ModelRegistry(registry.folder)
    assert again.get("demo", "detector", "1") == entry
    assert entry.metrics == {"map50_95": 0.4}
    assert entry.open() == model.resolve()


def test_versions_are_numbered_each_purpose_for_itself(
    registry: ModelRegistry, model: Path
) -> None:
    numbers = [registry.register("demo", "detector", model).version for _ in range(11)]
    other = registry.register("demo", "pretrain", model)

    assert numbers == [str(number) for number in range(1, 12)]
    assert other.version == "1"
    assert registry.latest("demo", "detector").version == "11", "not by the alphabet"


def test_a_version_of_ones_own_is_taken_once(registry: ModelRegistry, model: Path) -> None:
    registry.register("demo", "detector", model, version="v6-water")

    with pytest.raises(RegistryError, match="v6-water is registered already") as caught:
        registry.register("demo", "detector", model, version="v6-water")
    assert isinstance(caught.value, ValueError)
    entry = registry.register("demo", "detector", model, version="v6-water", overwrite=True)
    assert registry.list() == (entry,)
    assert registry.register("demo", "detector", model).version == "1"


def test_the_best_is_by_its_figure_and_the_first_of_equals(
    registry: ModelRegistry, model: Path
) -> None:
    for figure in (0.2, 0.7, None, 0.7, 0.1):
        registry.register("demo", "detector", model, metrics={"map50_95": figure, "map50": 0.9})

    assert registry.best("demo", "detector").version == "2"
    assert registry.best("demo", "detector", metric="map50").version == "1"
    with pytest.raises(NotRegisteredError, match="figure 'f1'") as caught:
        registry.best("demo", "detector", metric="f1")
    assert "map50, map50_95" in caught.value.fix


def test_a_list_can_be_of_a_game_or_a_purpose(registry: ModelRegistry, model: Path) -> None:
    for game, purpose in (("demo", "detector"), ("demo", "pretrain"), ("aoe2", "detector")):
        registry.register(game, purpose, model)

    def names(entries: tuple[RegistryEntry, ...]) -> list[str]:
        return [f"{entry.game}/{entry.purpose}" for entry in entries]

    assert names(registry.list()) == ["demo/detector", "demo/pretrain", "aoe2/detector"]
    assert names(registry.list("demo")) == ["demo/detector", "demo/pretrain"]
    assert names(registry.list(purpose="detector")) == ["demo/detector", "aoe2/detector"]
    assert registry.list("chess") == ()


def test_the_order_is_that_of_registration_whatever_the_clock_says(
    registry: ModelRegistry, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    noon = datetime(2026, 3, 29, 12, tzinfo=UTC)
    moments = [noon] * 10 + [noon - timedelta(hours=1), noon + timedelta(hours=1)]

    class Clock(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> "Clock":
            moment: Clock = moments.pop(0)  # type: ignore[assignment]
            return moment

    monkeypatch.setattr("pipeline.training.library.registry.datetime", Clock)
    for _ in range(12):
        registry.register("demo", "detector", model)

    assert [entry.version for entry in registry.list()] == [str(n) for n in range(1, 13)]
    assert registry.latest("demo", "detector").registered_at == noon + timedelta(hours=1)


def test_what_is_not_registered_is_refused_with_what_is(
    registry: ModelRegistry, model: Path
) -> None:
    registry.register("demo", "detector", model)

    with pytest.raises(NotRegisteredError, match="demo/detector 2") as caught:
        registry.get("demo", "detector", "2")
    assert isinstance(caught.value, KeyError)
    assert "1" in caught.value.fix
    with pytest.raises(NotRegisteredError, match="chess/detector") as nothing:
        registry.latest("chess", "detector")
    assert "demo/detector" in nothing.value.fix


def test_an_entry_can_be_removed_and_its_file_stays(registry: ModelRegistry, model: Path) -> None:
    registry.register("demo", "detector", model)

    registry.remove("demo", "detector", "1")

    assert registry.list() == ()
    assert model.exists()
    with pytest.raises(NotRegisteredError):
        registry.remove("demo", "detector", "1")


def test_a_file_that_is_gone_or_another_is_refused(registry: ModelRegistry, model: Path) -> None:
    entry = registry.register("demo", "detector", model)

    model.write_bytes(b"another model")
    with pytest.raises(RegisteredFileError, match="its digest differs"):
        entry.open()
    model.unlink()
    with pytest.raises(FileNotFoundError, match="where nothing is"):
        entry.open()


@pytest.mark.parametrize("name", ["", "../secret", "a/b", ".hidden", "a b"])
def test_names_cannot_point_out_of_the_folder(
    registry: ModelRegistry, model: Path, name: str
) -> None:
    with pytest.raises(RegistryError, match="cannot be"):
        registry.register(name, "detector", model)
    with pytest.raises(RegistryError, match="cannot be"):
        registry.register("demo", "detector", model, version=name)
    assert not registry.folder.exists()


def test_a_file_that_does_not_exist_is_refused(registry: ModelRegistry, tmp_path: Path) -> None:
    with pytest.raises(RegistryError, match="no file at"):
        registry.register("demo", "detector", tmp_path / "nothing.onnx")


@pytest.mark.skipif(os.name == "nt", reason="has no modes")
def test_others_of_a_shared_folder_can_read_an_entry(registry: ModelRegistry, model: Path) -> None:
    before = os.umask(0o022)
    try:
        registry.register("demo", "detector", model)
    finally:
        os.umask(before)

    (file,) = registry.folder.rglob("*.json")
    assert file.stat().st_mode & 0o777 == 0o644


def test_a_damaged_entry_is_named(registry: ModelRegistry, model: Path) -> None:
    registry.register("demo", "detector", model)
    file = registry.folder / "demo" / "detector" / "1.json"
    file.write_text(json.dumps({"game": "demo"}))

    with pytest.raises(RegistryError, match=r"1\.json is not an entry"):
        registry.list()


def register_many(folder: Path, model: Path, name: str) -> None:
    registry = ModelRegistry(folder)
    for _ in range(20):
        registry.register("demo", "detector", model, run_id=name)


def test_writers_at_once_lose_nothing_and_share_no_version(
    registry: ModelRegistry, model: Path
) -> None:
    context = multiprocessing.get_context("spawn")
    writers = [
        context.Process(target=register_many, args=(registry.folder, model, name))
        for name in ("a", "b", "c")
    ]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        registry.list()  # a reader meanwhile never sees half an entry
    assert [writer.exitcode for writer in writers] == [0, 0, 0]

    entries = registry.list()
    assert sorted(int(entry.version) for entry in entries) == list(range(1, 61))
    assert {entry.run_id for entry in entries} == {"a", "b", "c"}
    assert [file for file in registry.folder.rglob("*") if file.suffix == ".tmp"] == []
