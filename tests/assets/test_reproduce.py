"""Training sets made again from their records, and what is named where that is not possible."""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from click.testing import Result
from doubles.exports import write_export
from doubles.pages import shown
from doubles.toy import CLASSES, SIDE
from PIL import Image
from typer.testing import CliRunner

from assets.cli.app import app
from assets.core.building import NotMaterializedError
from assets.core.runs import materialize, register_batches
from assets.definitions import build_definitions
from assets.operations.kept_artifacts import upload_artifacts
from assets.operations.lineage.reproduce import BUILDERS, ReproduceError, reproduce
from pipeline.games.pack import load_pack
from pipeline.provenance import Environment, Provenance, Recipe, asset_name, environment_here
from resources.artifacts import ArtifactStore
from resources.defaults import Resources
from resources.files import remove_tree
from resources.instance import open_instance
from resources.paths import Paths

MERGE, SCENES = "toy/cvat_merge", "toy/synthetic_set"


@pytest.fixture(scope="module")
def made(drawn_toy_game: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A state folder with a synthetic set, a batch of annotated frames, and both merged."""
    home = tmp_path_factory.mktemp("made") / "home"
    shutil.copytree(drawn_toy_game / "home", home)
    pack, paths = load_pack(drawn_toy_game / "pack"), Paths.below(home)
    resources = Resources.of(paths)
    frames = {
        f"session_a_{n:02d}.png": Image.linear_gradient("L").rotate(90 * n).resize((SIDE, SIDE))
        for n in range(3)
    }
    boxes = [(name, "house", (10, 10, 40, 30)) for name in frames]
    write_export(resources.state.exports("toy") / "session_a.zip", frames, CLASSES, boxes)
    definitions = build_definitions(pack, {"paths": paths})
    with open_instance(resources.state) as instance:
        register_batches(instance, pack, resources.exports, resources.artifacts.store)
        for name, partition in (("synthetic_set", None), ("cvat_export", "session_a")):
            materialize(definitions, instance, [dg.AssetKey(["toy", name])], partition=partition)
        materialize(definitions, instance, [dg.AssetKey(["toy", "cvat_merge"])])
    return home


@dataclass(frozen=True)
class Copy:
    """A copy of that state folder, to damage."""

    resources: Resources

    @property
    def store(self) -> ArtifactStore:
        return self.resources.artifacts.store

    def record(self, asset: str) -> Provenance:
        """The newest record of an asset."""
        return [one for one in self.store.builds() if one.recipe.asset == asset][-1]

    def replace_record(self, asset: str, change: Callable[[Provenance], Provenance]) -> Provenance:
        """As if the same bytes had been made in another way."""
        old = self.record(asset)
        new = self.sign(change(old))
        folder = self.store.root / asset / "builds"
        (folder / f"{old.recipe.input_key}.json").unlink()
        (folder / f"{new.recipe.input_key}.json").write_text(new.model_dump_json(), "utf-8")
        return new

    def sign(self, record: Provenance) -> Provenance:
        """As this installation signs what it makes."""
        assert self.store.keys is not None
        return self.store.keys.sign(record)

    def file_of(self, asset: str, pattern: str) -> Path:
        files = self.store.files_of(self.record(asset).version)
        return sorted(files.glob(pattern))[0]


@pytest.fixture
def copy(made: Path, tmp_path: Path) -> Copy:
    shutil.copytree(made, tmp_path / "home")
    return Copy(Resources.of(Paths.below(tmp_path / "home")))


def with_recipe(**changes: Any) -> Callable[[Provenance], Provenance]:
    def change(record: Provenance) -> Provenance:
        recipe = record.recipe.model_copy(update=changes)
        return record.model_copy(update={"recipe": recipe})

    return change


def snapshot(folder: Path) -> dict[str, tuple[int, int, int]]:
    """Size, time and rights of every file, but for what says which versions are open."""
    files = (file for file in folder.rglob("*") if file.is_file() and ".in_use" not in file.parts)
    stats = {file: file.stat() for file in files}
    return {str(f): (s.st_size, s.st_mtime_ns, s.st_mode) for f, s in stats.items()}


def overwrite(file: Path, content: bytes) -> None:
    """Other bytes under this name alone."""
    file.unlink()
    file.write_bytes(content)


@pytest.mark.parametrize("asset", [MERGE, SCENES])
def test_a_set_is_made_again_and_the_store_stays_as_it_is(copy: Copy, asset: str) -> None:
    before = snapshot(copy.store.root)
    again = reproduce(copy.resources, asset)
    assert again.is_equal
    assert again.rebuilt == copy.record(asset).data_version
    assert (again.differences, again.notes) == ((), ())
    assert snapshot(copy.store.root) == before


def test_a_version_is_known_by_its_first_digits(copy: Copy) -> None:
    version = copy.record(MERGE).version
    digits = version.data_version[:10]
    assert reproduce(copy.resources, digits).version == version
    assert reproduce(copy.resources, f"{MERGE}:{digits}").version == version


@pytest.mark.parametrize("address", ["", "zzz", f"{SCENES}:zzz", "demo/cvat_merge:"])
def test_a_version_that_nobody_knows_is_refused(copy: Copy, address: str) -> None:
    with pytest.raises((ReproduceError, NotMaterializedError)):
        reproduce(copy.resources, address)


def test_what_is_no_training_set_is_refused_with_what_is(copy: Copy) -> None:
    with pytest.raises(ReproduceError) as refusal:
        reproduce(copy.resources, "toy/sprites")
    assert all(name in refusal.value.problem for name in BUILDERS)


@pytest.mark.parametrize("place", [0, -1])
def test_an_input_that_is_gone_is_named(copy: Copy, place: int) -> None:
    inputs = copy.record(MERGE).recipe.inputs
    assert len(inputs) > 1
    gone = inputs[place]
    remove_tree(copy.store.files_of(gone).parent)
    again = reproduce(copy.resources, MERGE)
    assert again.rebuilt is None
    assert again.differences[0].startswith(f"the input {asset_name(gone.asset, gone.partition)}:")


def test_a_file_of_an_input_that_has_changed_is_named_first(copy: Copy) -> None:
    file = copy.file_of(SCENES, "labels/train/*.txt")
    overwrite(file, file.read_bytes().replace(b"0 ", b"1 ", 1))
    again = reproduce(copy.resources, MERGE)
    assert not again.is_equal
    assert str(file) in again.differences[0]
    assert f"labels/train/{file.name}" in again.differences[-1]


def test_a_changed_input_of_a_synthetic_set_is_named_first(copy: Copy) -> None:
    with Image.open(copy.file_of("toy/terrain_backgrounds", "land_0000.jpg")) as image:
        dark = image.point(lambda level: level // 2)
    file = copy.file_of("toy/terrain_backgrounds", "land_0000.jpg")
    size = file.stat().st_size
    file.unlink()
    dark.save(file, quality=20)
    # Of the same size, so that nothing but the digest tells.
    file.write_bytes(file.read_bytes().ljust(size, b"\0")[:size])
    again = reproduce(copy.resources, SCENES)
    assert not again.is_equal
    assert str(file) in again.differences[0]
    assert "the file images/" in again.differences[-1]


def test_other_code_with_the_same_bytes_is_noted_and_no_difference(copy: Copy) -> None:
    copy.replace_record(MERGE, with_recipe(code_version="0123456789abcdef"))
    again = reproduce(copy.resources, MERGE)
    assert again.is_equal
    (note,) = again.notes
    assert "0123456789abcdef" in note


def test_code_and_libraries_are_named_where_the_bytes_differ(copy: Copy) -> None:
    here = environment_here()
    older = Environment(
        python=here.python, platform=here.platform, libraries={**here.libraries, "numpy": "1.0"}
    )

    def change(record: Provenance) -> Provenance:
        rules = {**record.recipe.config["scenes"], "seed": 99}
        config = {**record.recipe.config, "scenes": rules}
        other = with_recipe(code_version="0123456789abcdef", config=config)(record)
        return other.model_copy(update={"environment": older})

    copy.replace_record(SCENES, change)
    code, library, file = reproduce(copy.resources, SCENES).differences
    assert "0123456789abcdef" in code
    assert "numpy: 1.0 then" in library
    assert file.startswith("the file ")


def test_a_setting_that_the_code_does_not_know_is_named(copy: Copy) -> None:
    def change(record: Provenance) -> Provenance:
        rules = {**record.recipe.config["rules"], "mirror": True}
        return with_recipe(config={**record.recipe.config, "rules": rules})(record)

    copy.replace_record(MERGE, change)
    again = reproduce(copy.resources, MERGE)
    assert again.rebuilt is None
    assert again.differences[0].startswith("the setting mirror")


def test_a_changed_record_is_not_believed(copy: Copy) -> None:
    record = copy.record(MERGE)
    file = copy.store.root / MERGE / "builds" / f"{record.recipe.input_key}.json"
    file.write_text(file.read_text("utf-8").replace('"seed": ', '"seed": 1'), "utf-8")
    with pytest.raises(ReproduceError, match="record"):
        reproduce(copy.resources, MERGE)


def test_the_lost_list_of_a_versions_files_leaves_its_digest(copy: Copy) -> None:
    remove_tree(copy.store.files_of(copy.record(MERGE).version).parent)
    assert reproduce(copy.resources, MERGE).is_equal, "the record has the digest"


def test_a_changed_list_of_a_versions_files_is_not_believed(copy: Copy) -> None:
    def reseeded(record: Provenance) -> Provenance:
        rules = {**record.recipe.config["scenes"], "seed": 99}
        return with_recipe(config={**record.recipe.config, "scenes": rules})(record)

    version = copy.replace_record(SCENES, reseeded).version
    (listed,) = copy.store.files_of(version).parent.glob("manifest.json")
    content = json.loads(listed.read_text("utf-8"))
    content["files"][0]["sha256"] = "0" * 64
    overwrite(listed, json.dumps(content).encode())
    (told,) = reproduce(copy.resources, SCENES).differences
    assert told == "its files, of which the store has no list"


def test_of_several_records_that_of_this_code_counts(copy: Copy) -> None:
    old = copy.record(MERGE)
    other = with_recipe(code_version="0123456789abcdef")(old)
    later = copy.sign(other.model_copy(update={"made_at": "2999-01-01T00:00:00+00:00"}))
    builds = copy.store.root / MERGE / "builds"
    (builds / f"{later.recipe.input_key}.json").write_text(later.model_dump_json(), "utf-8")
    again = reproduce(copy.resources, MERGE)
    assert again.record == old
    assert again.notes == ()


@pytest.mark.parametrize("asset", [MERGE, SCENES])
def test_the_page_says_how_it_is_made_again(copy: Copy, asset: str) -> None:
    with open_instance(copy.resources.state) as instance:
        page = shown(instance, dg.AssetKey(asset.split("/")))
    version = copy.record(asset).data_version
    assert page["reproduce"] == f"outpost reproduce {asset}:{version[:12]}"


def test_another_machine_makes_it_again_from_the_bucket(
    copy: Copy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OUTPOST_ARTIFACTS", str(tmp_path / "bucket"))
    version = copy.record(MERGE).version
    upload_artifacts(copy.resources)
    manifest = tmp_path / "bucket/versions" / version.data_version / "manifest.json"
    elsewhere = Resources.of(Paths.below(tmp_path / "elsewhere"))
    digits = version.data_version[:10]
    assert reproduce(elsewhere, f"{MERGE}:{digits}").is_equal
    manifest.write_text("{}")
    assert reproduce(elsewhere, digits).is_equal, "the record has the digest"


def test_the_command_says_so_and_exits_by_it(copy: Copy) -> None:
    def outpost(*words: str) -> Result:
        return CliRunner().invoke(app, ["reproduce", *words], obj=copy.resources)

    told = outpost(MERGE)
    assert told.exit_code == 0, told.output
    assert "Equal" in told.stdout
    document = json.loads(outpost(MERGE, "--json").stdout)
    assert document["is_equal"] is True
    assert Provenance.model_validate(document["record"]) == copy.record(MERGE)
    file = copy.file_of(SCENES, "labels/val/*.txt")
    overwrite(file, b"1 0.5 0.5 0.25 0.25\n")
    differs = outpost(MERGE)
    assert differs.exit_code == 1
    assert "Differs:" in differs.stderr
    assert file.name in differs.stderr
    assert "Error" in outpost("nobody/knows:1").stderr


def test_records_of_before_say_nothing_of_libraries(copy: Copy) -> None:
    """A record without an environment keeps its key and is read."""
    record = copy.record(MERGE)
    assert record.environment == environment_here()
    older = record.model_dump(mode="json")
    del older["environment"]
    assert Provenance.model_validate(older).environment is None
    assert Recipe.model_validate(older["recipe"]).input_key == record.recipe.input_key
