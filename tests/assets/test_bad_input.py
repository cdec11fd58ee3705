"""Bad input through the command line: one clear message, the next step, nothing half-written."""

import io
import json
import os
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import dagster as dg
import pytest
from click.testing import Result
from doubles import exports
from doubles.models import write_no_detector
from doubles.pages import shown
from PIL import Image
from typer.testing import CliRunner

from assets.cli.app import app
from assets.core.keys import GameKeys
from assets.core.runs import materialize, register_batches
from assets.definitions import build_definitions
from pipeline.errors import OutpostError
from pipeline.games.pack import PACKS_FOLDER, load_pack
from resources.artifacts import Artifacts
from resources.exports import Exports
from resources.game_files import GameFiles
from resources.paths import Paths

KEYS = GameKeys("demo")
IMAGE = Image.new("RGB", (64, 48), (60, 120, 60))
ANNOTATIONS = "annotations/instances_default.json"
Batch = Callable[[Mapping[str, bytes | str]], dg.DagsterInstance]


def outpost(home: Path, *arguments: str, **environment: str) -> Result:
    """The command, in this process: starting another one takes longer than what it does here."""
    return CliRunner().invoke(app, arguments, env={"OUTPOST_HOME": str(home), **environment})


def explained(done: Result) -> str:
    """The message, having checked that it is one and no traceback."""
    assert done.exit_code == 1, done.output
    assert isinstance(done.exception, SystemExit), done.exception
    assert "Traceback" not in done.stderr
    assert "What to do:" in done.stderr
    return " ".join(done.stderr.split())


def test_a_pack_that_does_not_exist(tmp_path: Path) -> None:
    message = explained(outpost(tmp_path, "demo", "--pack", "no_such_game"))
    assert "no_such_game" in message
    assert "demo" in message, "the packs there are"


def test_a_pack_with_broken_yaml_names_the_file(tmp_path: Path) -> None:
    pack = tmp_path / "pack"
    pack.mkdir()
    for file in (PACKS_FOLDER / "demo").glob("*.yaml"):
        (pack / file.name).write_bytes(file.read_bytes())
    (pack / "scenes.yaml").write_text("width: [320\n")
    message = explained(outpost(tmp_path / "home", "demo", "--pack", str(pack)))
    assert "scenes.yaml" in message


def test_auditing_what_does_not_exist(tmp_path: Path) -> None:
    assert "nothing.onnx" in explained(outpost(tmp_path, "audit", str(tmp_path / "nothing.onnx")))


def test_auditing_a_damaged_model(tmp_path: Path) -> None:
    model = tmp_path / "model.onnx"
    model.write_bytes(b"not a model at all")
    assert "readable ONNX model" in explained(outpost(tmp_path / "home", "audit", str(model)))


def test_auditing_a_stranger_says_that_its_bytes_are_unknown(tmp_path: Path) -> None:
    model = write_no_detector(tmp_path / "model.onnx")
    done = outpost(tmp_path / "home", "audit", str(model), "--json")
    report = json.loads(done.stdout)
    assert done.exit_code == 1
    assert "not in the artifact store" in report["problems"][0]


def test_a_merge_before_anything_was_made_names_what_to_materialize(tmp_path: Path) -> None:
    message = explained(outpost(tmp_path, "merge", "--dry-run"))
    assert "Materialize demo/synthetic_set" in message


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_state_folder_that_cannot_be_written(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    home.chmod(0o500)
    assert "OUTPOST_HOME" in explained(outpost(home, "demo"))


def test_a_state_folder_that_is_a_file(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.write_text("")
    assert "OUTPOST_HOME" in explained(outpost(home, "demo"))


@pytest.fixture
def batch(tmp_path: Path) -> Iterator[Callable[[Mapping[str, bytes | str]], dg.DagsterInstance]]:
    """Materializes `cvat_export` for an archive with some members replaced."""
    with dg.instance_for_test() as instance:

        def read(changes: Mapping[str, bytes | str]) -> dg.DagsterInstance:
            folder, store = tmp_path / "exports", tmp_path / "artifacts"
            folder.mkdir()
            with zipfile.ZipFile(folder / "batch.zip", "w") as archive:
                for name, content in {**good_members(), **changes}.items():
                    archive.writestr(name, content)
            paths = Paths.below(tmp_path)
            exports = Exports(paths=paths, folder=str(folder))
            artifacts = Artifacts(paths=paths)
            resources = {"exports": exports, "artifacts": artifacts}
            definitions = build_definitions("demo", resources)
            register_batches(instance, load_pack("demo"), exports, artifacts.store)
            try:
                materialize(definitions, instance, [KEYS.cvat_export], partition="batch")
            finally:
                left = [p for p in store.rglob("*") if p.is_file() and "staging" in p.parts]
                assert left == [], "nothing half-written"
            return instance

        yield read


def good_members() -> dict[str, bytes | str]:
    """One image with one sheep, as CVAT exports it."""
    buffer = io.BytesIO()
    IMAGE.save(buffer, "PNG")
    return {"images/default/a_00.png": buffer.getvalue(), ANNOTATIONS: annotations("sheep")}


def annotations(*labels: str, boxes: bool = True) -> str:
    shapes = [("a_00.png", label, (10, 10, 20, 16)) for label in labels]
    return exports.annotations({"a_00.png": IMAGE}, labels, shapes if boxes else [])


def test_a_good_batch_is_read(batch: Batch) -> None:
    assert shown(batch({}), KEYS.cvat_export)["boxes"] == 1


def test_an_unknown_label_is_named(batch: Batch) -> None:
    with pytest.raises(OutpostError, match="'dragon' is no class of this game"):
        batch({ANNOTATIONS: annotations("sheep", "dragon")})


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({ANNOTATIONS: annotations("sheep", boxes=False)}, "batch.zip"),
        ({ANNOTATIONS: annotations("dragon")}, "dragon"),
        ({ANNOTATIONS: "{not json"}, "instances_default.json"),
        ({"images/default/a_00.png": b"not an image"}, "a_00.png"),
    ],
    ids=["empty", "every label unknown", "broken json", "corrupt image"],
)
def test_a_bad_batch_is_refused_with_its_name(
    batch: Batch, changes: dict[str, bytes | str], named: str
) -> None:
    with pytest.raises(OutpostError) as raised:
        batch(changes)
    assert named in raised.value.problem
    assert raised.value.fix


def test_a_game_that_is_not_installed(tmp_path: Path) -> None:
    with dg.instance_for_test() as instance, pytest.raises(OutpostError) as raised:
        paths = Paths.below(tmp_path)
        game = GameFiles(paths=paths, folder=str(tmp_path / "no game"))
        resources = {"game": game, "artifacts": Artifacts(paths=paths)}
        definitions = build_definitions("aoe2", resources)
        materialize(definitions, instance, [GameKeys("aoe2").game_files])
    assert "no game" in raised.value.problem
    assert "OUTPOST_GAME_DIR" in raised.value.fix


def test_checking_a_folder_that_is_not_the_game(tmp_path: Path) -> None:
    message = explained(outpost(tmp_path, "game", "check", "aoe2", "--dir", str(tmp_path)))
    assert str(tmp_path) in message.replace(" ", "")


def test_folders_whose_names_look_like_markup_are_shown_as_they_are(tmp_path: Path) -> None:
    game = tmp_path / "[bold]games" / "x"
    sprites = game / "resources/_common/drs/graphics"
    sprites.mkdir(parents=True)
    (sprites / "b_west_keep_age3_x1.sld").write_bytes(b"")

    done = outpost(tmp_path, "game", "check", "demo", "--dir", str(game))

    assert done.exit_code == 1, done.output
    assert f"{game}: 1 sprite files" in done.stdout
