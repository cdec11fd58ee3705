"""The audit's view of the world outside the store: the game's folder by way of its pack."""

import hashlib
import json
import shutil
from pathlib import Path

import pytest
from click.testing import Result
from doubles.artifacts import recorded, write_trained_weights
from doubles.releases import new_version
from typer.testing import CliRunner

from assets.cli.app import app
from assets.operations.lineage.audit import audit_model, bill_of_materials, compared_game_files
from pipeline.games.pack import PACKS_FOLDER, PackError, load_pack
from pipeline.jobs.bill import Bill
from pipeline.manifests import sha256_of
from pipeline.provenance import Provenance, Recipe
from resources.artifacts import ArtifactStore
from resources.defaults import Resources
from resources.game_files import GAME_DIR_VARIABLE
from resources.paths import Paths
from resources.state import STATE_VARIABLE

GAME = "owngame"
BILL = Bill(provider="local", host="anna-laptop", gpu=None, usd_per_hour=0, seconds=9, usd=0)
SPRITE = "graphics/knight.sld"


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    """A pack of one's own, known by its folder alone."""
    folder = tmp_path / "pack"
    folder.mkdir()
    for file in (PACKS_FOLDER / "demo").glob("*.yaml"):
        text = file.read_text("utf-8")
        changed = text.replace("name: demo\n", f"name: {GAME}\n", 1)
        (folder / file.name).write_text(changed, encoding="utf-8")
    return folder


@pytest.fixture
def resources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Resources:
    monkeypatch.delenv(GAME_DIR_VARIABLE, raising=False)
    return Resources.of(Paths.below(tmp_path / "state"))


@pytest.fixture
def game(resources: Resources) -> Path:
    """Where the pack's game is drawn."""
    sprite = resources.state.drawn_game(GAME) / SPRITE
    sprite.parent.mkdir(parents=True)
    sprite.write_bytes(b"knight")
    return sprite.parents[1]


@pytest.fixture
def model(resources: Resources, game: Path, tmp_path: Path) -> Path:
    """Weights whose only source is the game's index, in the store and as a copy."""
    store = resources.artifacts.store
    sprite = {"path": SPRITE, "size": 6, "sha256": sha256_of(game / SPRITE)}
    index = {"game": GAME, "sprites": [sprite], "terrain": []}
    indexed = commit(
        store,
        Recipe(asset=f"{GAME}/game_files", code_version="c", config={}),
        {"index.json": json.dumps(index).encode()},
    )
    made_from = (indexed.version,)
    recipe = Recipe(asset=f"{GAME}/trained_weights", code_version="c", config={}, inputs=made_from)
    with store.staging(recipe.asset) as staged:
        write_trained_weights(staged, BILL, {"device": "CPU, 2 cores", "weights": None})
        store.commit(staged, recorded(recipe, store.keys))
    file = tmp_path / "best.pt"
    file.write_bytes(b"weights")
    return file


def commit(store: ArtifactStore, recipe: Recipe, files: dict[str, bytes]) -> Provenance:
    with store.staging(recipe.asset) as staged:
        for name, content in files.items():
            (staged / name).parent.mkdir(parents=True, exist_ok=True)
            (staged / name).write_bytes(content)
        _, record = store.commit(staged, recorded(recipe, store.keys))
    return record


def test_the_game_of_a_pack_that_is_given_is_compared(
    model: Path, resources: Resources, pack: Path, game: Path
) -> None:
    report = audit_model(model, resources, pack)
    assert (report.problems, report.notes) == ((), ())
    (game / SPRITE).write_bytes(b"knighT")
    (problem,) = audit_model(model, resources, pack).problems
    assert str(game / SPRITE) in problem


def test_a_drawn_game_that_was_deleted_is_noted_with_what_to_do(
    model: Path, resources: Resources, pack: Path, game: Path
) -> None:
    shutil.rmtree(game)

    report = audit_model(model, resources, pack)

    assert report.is_clean
    (note,) = report.notes
    assert str(game) in note
    assert "draws the game again" in note


def test_a_mods_file_is_compared_with_the_mod(
    resources: Resources, pack: Path, game: Path, tmp_path: Path
) -> None:
    mods = tmp_path / "mods"
    file = mods / "local/Red" / SPRITE
    file.parent.mkdir(parents=True)
    file.write_bytes(b"red")
    text = (pack / "pack.yaml").read_text("utf-8")
    (pack / "pack.yaml").write_text(f"{text}\nmods:\n  folders: ['{mods.as_posix()}']\n", "utf-8")
    artifact = tmp_path / "artifact"
    artifact.mkdir()
    sprite = {"path": SPRITE, "size": 3, "sha256": sha256_of(file), "mod": "local/Red"}
    index = {"game": GAME, "sprites": [sprite], "terrain": []}
    (artifact / "index.json").write_text(json.dumps(index))
    assert compared_game_files(artifact, resources.game, load_pack(pack)).problems == ()
    file.write_bytes(b"blue")
    (problem,) = compared_game_files(artifact, resources.game, load_pack(pack)).problems
    assert str(file) in problem
    file.unlink()
    (problem,) = compared_game_files(artifact, resources.game, load_pack(pack)).problems
    assert "local/Red" in problem


@pytest.mark.parametrize("given", [None, "demo"], ids=["no pack", "the pack of another game"])
def test_an_unknown_pack_is_noted_with_what_to_do(
    model: Path, resources: Resources, given: str | None
) -> None:
    report = audit_model(model, resources, given)
    assert report.is_clean
    (note,) = report.notes
    assert GAME in note
    assert "--pack" in note


def test_a_given_pack_that_does_not_exist_is_refused(model: Path, resources: Resources) -> None:
    with pytest.raises(PackError):
        audit_model(model, resources, "no_such_game")


def test_the_command_takes_the_pack_and_shows_the_note(
    model: Path, resources: Resources, pack: Path
) -> None:
    def outpost(*arguments: str) -> Result:
        environment = {STATE_VARIABLE: str(resources.state.root)}
        return CliRunner().invoke(app, ["audit", str(model), *arguments], env=environment)

    unknown = outpost()
    assert unknown.exit_code == 3, unknown.output
    assert "1 thing not verified" in unknown.stdout
    assert "Note:" in unknown.stderr
    assert "Differs" not in unknown.stderr
    verified = outpost("--pack", str(pack))
    assert verified.exit_code == 0, verified.output
    assert "signed by a trusted key" in verified.stdout.replace("\n", " ")
    for said in ("seed 42", "yolo26n.yaml from scratch", "CPU, 2 cores", "USD 0.0000"):
        assert said in verified.stdout
    assert "anna" not in verified.stdout
    known = json.loads(outpost("--pack", str(pack), "--json").stdout)
    assert (known["notes"], known["unverified"]) == ([], [])
    assert {link["signature"] for link in known["chain"]} == {"trusted"}
    assert known["subject_sha256"] == hashlib.sha256(b"weights").hexdigest()


def test_the_command_writes_or_prints_a_bill_of_materials(
    model: Path, resources: Resources, pack: Path, tmp_path: Path
) -> None:
    def outpost(*arguments: str) -> Result:
        words = ["audit", str(model), "--pack", str(pack), *arguments]
        return CliRunner().invoke(app, words, obj=resources)

    printed = outpost("--bom", "cyclonedx")
    assert printed.exit_code == 0, printed.output
    names = {part["name"] for part in json.loads(printed.stdout)["components"]}
    assert "anna" not in printed.stdout
    (made,) = json.loads(printed.stdout)["formulation"]
    assert [one["name"] for one in made["workflows"]] == ["training"]
    assert {f"{GAME}/game_files", f"{GAME}/trained_weights"} <= names
    file = tmp_path / "new" / "bill.json"
    assert outpost("--bom", str(file)).exit_code == 0
    assert {part["name"] for part in json.loads(file.read_text("utf-8"))["components"]} == names
    assert outpost("--bom", "cyclonedx", "--json").exit_code == 2
    refused = outpost("--bom", str(model / "bill.json"))
    assert refused.exit_code == 1
    assert "--bom" in refused.stderr


def test_the_bill_of_a_model_alone_takes_what_is_in_the_package_of_the_store(
    resources: Resources, tmp_path: Path
) -> None:
    """The file says neither version nor score: the bundle does, which the store still has."""
    package = new_version(tmp_path / "made").package
    files = {
        file.relative_to(package.folder).as_posix(): file.read_bytes()
        for file in package.folder.rglob("*")
        if file.is_file()
    }
    recipe = Recipe(asset="demo/runtime_package", code_version="c", config={})
    commit(resources.artifacts.store, recipe, files)
    model = tmp_path / "downloaded.onnx"
    model.write_bytes((package.bundle / "model.onnx").read_bytes())
    bill = json.loads(bill_of_materials(audit_model(model, resources), resources))
    subject = bill["metadata"]["component"]
    assert (subject["name"], subject["version"]) == ("demo", "1.0.0+abc")
