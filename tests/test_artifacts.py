"""What writes an artifact reads it back; one that is not whole is refused; names are spelt once."""

from __future__ import annotations

import ast
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from doubles.artifacts import write_export_reports
from doubles.classifier_models import finished_job
from doubles.community_releases import community_version
from doubles.exports import write_export
from doubles.icons import write_voted_crops
from doubles.models import export_metadata, write_detector
from doubles.policies import PLAYS, cloned_policies, finished_policy_job
from doubles.policy_releases import policy_version
from doubles.prelabels import prelabelled, write_annotation_batch
from doubles.sessions import session_info, some_events
from doubles.sprites import write_library
from doubles.toy import CLASSES, SIDE, TOY, toy_sprite
from PIL import Image

from pipeline.annotation.annotation_batch import AnnotationBatch, SelectionSummary
from pipeline.annotation.batch_writer import RatedCandidates, chosen_frames, write_batch
from pipeline.annotation.candidates import find_candidates, read_screenshots
from pipeline.annotation.corrections.label_corrections import LabelCorrections, compare_labels
from pipeline.annotation.prelabels import Prelabels
from pipeline.annotation.scoring import Rating
from pipeline.annotation.selection import Pick
from pipeline.annotation.tasks.pushed_tasks import PushedTask, PushedTasks
from pipeline.backgrounds.sets import BackgroundSet
from pipeline.community.classifiers.dataset import RULES, read_images, select_images
from pipeline.community.classifiers.model import ClassifierModel
from pipeline.community.dispute_batches.choosing import Excluded, choose_disputes
from pipeline.community.dispute_batches.dispute_batch import DisputeBatch
from pipeline.community.dispute_batches.settled_disputes import (
    SettledContent,
    SettledCrop,
    SettledDisputes,
)
from pipeline.community.text_corrections import TextCorrections
from pipeline.community.text_votes import TextVotes
from pipeline.community.voted_crops import CropMember, VotedCrop, VotedCrops, Votes
from pipeline.demo_game.ground import TERRAINS, tile_of
from pipeline.errors import OutpostError
from pipeline.evaluation.class_thresholds import ClassThresholds, ThresholdSuggestion
from pipeline.evaluation.evaluation import Evaluation
from pipeline.evaluation.frames import (
    JudgedFrame,
    batch_frames,
    validation_frames,
)
from pipeline.evaluation.matching import ScoredBox
from pipeline.evaluation.metrics.scores import Judgement
from pipeline.evaluation.reports.report import evaluate
from pipeline.evaluation.verdicts import FrameVerdicts, ImageReference, verdicts_on
from pipeline.export.onnx_export import OnnxExport
from pipeline.formats.dds import write_dds
from pipeline.games.index import GameFile, GameIndex
from pipeline.games.pack import GamePack, MergeRules, TerrainRules
from pipeline.labels.batches import ExportBatch
from pipeline.labels.boxes import Box
from pipeline.labels.formats.coco import read_export
from pipeline.labels.merge import open_batches, plan_merge
from pipeline.labels.training_set import TrainingSet
from pipeline.owners.owner_model import OwnerModel
from pipeline.owners.training import OwnerTraining
from pipeline.play.policies.artifacts.policy_evaluation import PolicyEvaluation, PolicyVerdict
from pipeline.play.policies.artifacts.trained_policies import TrainedPolicies
from pipeline.play.policies.judging import PlayedGames, judge
from pipeline.play.recordings.reader import open_session
from pipeline.play.recordings.recorded_session import RecordedSession
from pipeline.play.recordings.writer import SessionWriter
from pipeline.provenance import ArtifactVersion
from pipeline.release.bundle import Release
from pipeline.release.community.package import CommunityPackage
from pipeline.release.package import RuntimePackage
from pipeline.release.policies.policy_package import PolicyPackage
from pipeline.release.published import Publication, PublishedModel
from pipeline.scenes.dataset.shard_writer import Sources
from pipeline.scenes.dataset.synthetic_set import SyntheticSet
from pipeline.scenes.dataset.writer import write_set
from pipeline.scenes.sources.catalogue import TEAM_COLOURS
from pipeline.sprites.extract import ExtractionReport
from pipeline.sprites.library import OpenLibrary

ROOT = Path(__file__).parents[1]
TERRAIN = {"folder": "t", "land": [{"include": "g_*"}], "water": [{"include": "w_*"}]}
TERRAIN |= {"land_count": 2, "water_count": 2}
PACK = GamePack.model_validate(
    {**TOY, "terrain": TERRAIN, "scenes": {**TOY["scenes"], "images": 10}}
)


@dataclass(frozen=True)
class Kind:
    """How an artifact is read whole, and the asset that makes it.

    Attributes:
        read: everything of it that can be compared.
        files: those that must be there, relative to its folder.
        spelt: their names by the module that may spell them.
    """

    read: Callable[[Path], object]
    asset: str
    files: tuple[str, ...]
    spelt: dict[str, frozenset[str]]


def read_drawn(folder: Path) -> object:
    drawn = SyntheticSet.open(folder)
    return drawn, tuple(drawn.scenes()), drawn.labelled_images(CLASSES)


def parts_of(merged: TrainingSet) -> object:
    frames = [validation_frames(merged, real=real) for real in (True, False)]
    rows = [merged.rows_of(image) for image in merged.images("train")]
    return merged, frames, rows, merged.fingerprints()


def read_evaluation(folder: Path) -> object:
    evaluation = Evaluation.open(folder)
    return evaluation, evaluation.verdicts()


def read_sprites(folder: Path) -> object:
    return OpenLibrary(folder).entries, ExtractionReport.open(folder)


def read_chosen(folder: Path) -> object:
    return AnnotationBatch.open(folder), SelectionSummary.open(folder)


def read_classifier(folder: Path) -> object:
    model = ClassifierModel.open(folder)
    return model, model.epochs()


def read_policies(folder: Path) -> object:
    trained = TrainedPolicies.open(folder)
    return trained.cloned, trained.sessions, trained.epochs()


def read_recorded(folder: Path) -> object:
    recorded = RecordedSession.open(folder)
    return recorded.quality, tuple(recorded.session.events())


def read_merged(folder: Path) -> object:
    return parts_of(TrainingSet.open(folder))


KINDS = {
    "game_files": Kind(
        GameIndex.open,
        "game_files",
        ("index.json",),
        {"pipeline/games/index.py": frozenset({"index.json"})},
    ),
    "sprites": Kind(
        read_sprites,
        "sprites",
        ("index.json", "extraction.json"),
        {
            "pipeline/sprites/library.py": frozenset({"index.json"}),
            "pipeline/sprites/extract.py": frozenset({"extraction.json"}),
        },
    ),
    "backgrounds": Kind(
        BackgroundSet.open,
        "terrain_backgrounds",
        ("index.json", "left_out.json"),
        {
            "pipeline/backgrounds/images.py": frozenset({"index.json"}),
            "pipeline/backgrounds/sets.py": frozenset({"left_out.json", "samplings.jpg"}),
        },
    ),
    "synthetic_set": Kind(
        read_drawn,
        "synthetic_set",
        ("set.json", "objects/train/synth_000000.json", "labels/train/synth_000000.txt"),
        {"pipeline/scenes/dataset/synthetic_set.py": frozenset({"set.json"})},
    ),
    "export_batch": Kind(
        ExportBatch.open,
        "cvat_export",
        ("labels.json", "report.json", "source.json"),
        {"pipeline/labels/batches.py": frozenset({"labels.json", "report.json", "source.json"})},
    ),
    "recordings": Kind(
        read_recorded,
        "play/recordings",
        ("session.mcap", "quality.json"),
        {
            "pipeline/play/recordings/recorded_session.py": frozenset(
                {"session.mcap", "quality.json"}
            )
        },
    ),
    "policies": Kind(
        read_policies,
        "play/policies",
        ("clone.json", "sessions.json", "job.json"),
        {
            "pipeline/play/policies/cloning.py": frozenset(
                {"clone.json", "curves.svg", "curves.json"}
            ),
            "pipeline/play/policies/artifacts/trained_policies.py": frozenset({"sessions.json"}),
            "pipeline/jobs/program/constants.py": frozenset(
                {"job.json", "program.pyz", "metrics.jsonl", "environment.json"}
            ),
        },
    ),
    "policy_evaluation": Kind(
        PolicyEvaluation.open,
        "play/policy_evaluation",
        ("judgement.json",),
        {
            "pipeline/play/policies/artifacts/policy_evaluation.py": frozenset({"judgement.json"}),
        },
    ),
    "policy_package": Kind(
        PolicyPackage.open,
        "play/policy_package",
        (
            "policy_evaluation.json",
            *(f"model/{name}.onnx" for name in ("strategist", "tactician", "executor")),
            "model/policies.json",
        ),
        {
            "pipeline/release/policies/policy_evidence.py": frozenset({"policy_evaluation.json"}),
        },
    ),
    "annotation_batch": Kind(
        read_chosen,
        "annotation_batch",
        ("frames.json", "summary.json"),
        {
            "pipeline/annotation/annotation_batch.py": frozenset({"frames.json", "summary.json"}),
        },
    ),
    "training_set": Kind(
        read_merged,
        "cvat_merge",
        (
            "dataset.yaml",
            "merge_summary.json",
            "real_frames.jsonl",
            "train.txt",
            "val.txt",
            "labels/train/synth_000000.txt",
        ),
        {
            "pipeline/labels/training_set.py": frozenset(
                {"dataset.yaml", "merge_summary.json", "real_frames.jsonl", "train.txt", "val.txt"}
            )
        },
    ),
    "onnx_export": Kind(
        OnnxExport.open,
        "onnx_export",
        ("model.onnx", "contract.json", "parity.json"),
        {
            "pipeline/export/onnx_export.py": frozenset(
                {"model.onnx", "contract.json", "parity.json", "parity.jpg"}
            )
        },
    ),
    "evaluation": Kind(
        read_evaluation,
        "real_evaluation",
        ("evaluation.json", "frames.jsonl"),
        {
            "pipeline/evaluation/evaluation.py": frozenset(
                {"evaluation.json", "frames.jsonl", "report.html"}
            )
        },
    ),
    "class_thresholds": Kind(
        ClassThresholds.open,
        "class_thresholds",
        ("class_thresholds.json",),
        {"pipeline/evaluation/class_thresholds.py": frozenset({"class_thresholds.json"})},
    ),
    "owner_model": Kind(
        OwnerModel.open,
        "owner_model",
        ("owners.json", "owners_summary.json"),
        {
            "pipeline/owners/owner_model.py": frozenset({"owners.json", "owners_summary.json"}),
        },
    ),
    "runtime_package": Kind(
        RuntimePackage.open,
        "runtime_package",
        (
            "bundle/bundle.json",
            "bundle/model.onnx",
            "outpost_toy_detector-1.0.0+abc-py3-none-any.whl",
        ),
        {"pipeline/release/bundle.py": frozenset({"model.onnx"})},
    ),
    "community_model": Kind(
        CommunityPackage.open,
        "community_model",
        (
            "community_evaluation.json",
            "model/icon_classifier.onnx",
            "model/knowledge.json",
            "model/model_version.json",
        ),
        {"pipeline/release/community/evidence.py": frozenset({"community_evaluation.json"})},
    ),
    "published_model": Kind(
        PublishedModel.open,
        "published_model",
        ("publication.json",),
        {"pipeline/release/published.py": frozenset({"publication.json"})},
    ),
    "pushed_tasks": Kind(
        PushedTasks.open,
        "cvat_task",
        ("tasks.json",),
        {"pipeline/annotation/tasks/pushed_tasks.py": frozenset({"tasks.json"})},
    ),
    "prelabels": Kind(
        Prelabels.open,
        "prelabels",
        ("prelabels.json",),
        {"pipeline/annotation/prelabels.py": frozenset({"prelabels.json", "coco.zip", "yolo.zip"})},
    ),
    "label_corrections": Kind(
        LabelCorrections.open,
        "label_corrections",
        ("corrections.json",),
        {"pipeline/annotation/corrections/label_corrections.py": frozenset({"corrections.json"})},
    ),
    "classifier": Kind(
        read_classifier,
        "icon_classifier",
        (
            *("model.onnx", "weights.safetensors", "labels.json", "meta.json"),
            *("training_manifest.json", "evaluation.json", "job.json"),
        ),
        {
            "pipeline/community/classifiers/model.py": frozenset(
                {
                    *("labels.json", "meta.json", "training_manifest.json", "evaluation.json"),
                    "mistakes.jpg",
                }
            ),
            "pipeline/community/classifiers/classifier_program/constants.py": frozenset(
                {"model.onnx", "weights.safetensors"}
            ),
            "pipeline/jobs/program/constants.py": frozenset(
                {"job.json", "program.pyz", "metrics.jsonl", "environment.json"}
            ),
            # Travels alone.
            "resources/gpu/hosts/agent.py": frozenset({"metrics.jsonl"}),
        },
    ),
    "voted_crops": Kind(
        VotedCrops.open,
        "voted_crops",
        ("votes.json",),
        {"pipeline/community/voted_crops.py": frozenset({"votes.json"})},
    ),
    "disputed_crops": Kind(
        DisputeBatch.open,
        "disputed_crops",
        ("disputed_crops.json",),
        {"pipeline/community/dispute_batches/dispute_batch.py": frozenset({"disputed_crops.json"})},
    ),
    "settled_disputes": Kind(
        SettledDisputes.open,
        "settled_disputes",
        ("settled_disputes.json",),
        {
            "pipeline/community/dispute_batches/settled_disputes.py": frozenset(
                {"settled_disputes.json"}
            )
        },
    ),
    "text_corrections": Kind(
        TextCorrections.open,
        "text_corrections",
        ("text_corrections.json",),
        {"pipeline/community/text_corrections.py": frozenset({"text_corrections.json"})},
    ),
}
"""By the name of the folder that `written` makes of each."""


@dataclass(frozen=True)
class Written:
    """One of each artifact, made one from the other, and what their writers returned."""

    home: Path
    values: dict[str, object]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Written:
    home = tmp_path_factory.mktemp("artifacts")
    for name in (*KINDS, "water"):
        (home / name).mkdir()
    values = dict(_written_one_after_the_other(home))
    return Written(home, values)


def _written_one_after_the_other(home: Path) -> Iterator[tuple[str, object]]:
    index = GameIndex(
        game="toy",
        sprites=(GameFile(path="a.sld", size=1, sha256="a" * 64),),
        terrain=(GameFile(path="t/g.dds", size=2, sha256="b" * 64, mod="local/Red"),),
    )
    index.write(home / "game_files")
    yield "game_files", index
    report = ExtractionReport(
        files={"house": 1},
        sprites={"house": 2},
        missing=("boat",),
        empty=(),
        annotated_only=(),
        failed={"a.sld": "damaged"},
        blank={},
        conflicts={"b.sld": ("house", "boat")},
        lacking={},
        apart={"effects": 3},
        unmatched=4,
    )
    rng = np.random.default_rng(3)
    write_library(home / "sprites", [toy_sprite(rng, name, 0) for name in CLASSES])
    report.write(home / "sprites")
    yield "sprites", (OpenLibrary(home / "sprites").entries, report)
    game = _textures(home / "game")
    rules, size = TerrainRules.model_validate(TERRAIN), (SIDE + 9, SIDE + 9)
    yield (
        "backgrounds",
        BackgroundSet.write(home / "backgrounds", "land", (home / "game", game), rules, size),
    )
    BackgroundSet.write(home / "water", "water", (home / "game", game), rules, size)
    sources = Sources(home / "sprites", home / "backgrounds", home / "water")
    drawn = SyntheticSet(home / "synthetic_set", write_set(home / "synthetic_set", PACK, sources))
    images = drawn.labelled_images(CLASSES)
    yield "synthetic_set", (drawn, tuple(drawn.scenes()), images)
    players = list(zip(PACK.sprites.team_names, TEAM_COLOURS, strict=True))
    once = OwnerTraining(epochs=1)
    yield "owner_model", OwnerModel.write(home / "owner_model", drawn, players, once)
    source = _cvat_export(home / "cvat.zip")
    batch = ExportBatch.write(home / "export_batch", read_export(source, CLASSES), source)
    yield "export_batch", batch
    with SessionWriter(home / "played", session_info()) as writer:
        for time, event in some_events():
            writer.write(time, event)
        session = open_session(writer.finish())
    recorded = RecordedSession.write(home / "recordings", session)
    yield "recordings", (recorded.quality, tuple(some_events()))
    job = finished_policy_job(home / "policy_job")
    trained = TrainedPolicies.write(home / "policies", job, PLAYS)
    assert len(trained.epochs()) == 6
    yield "policies", (cloned_policies(), PLAYS, trained.epochs())
    yield "policy_evaluation", _judged(home / "policy_evaluation")
    made_of_policies = policy_version(home / "pressing").package
    shutil.copytree(made_of_policies.folder, home / "policy_package", dirs_exist_ok=True)
    yield "policy_package", PolicyPackage.open(home / "policy_package")
    yield "annotation_batch", _chosen(home / "annotation_batch", batch.folder / "images")
    plan = plan_merge(open_batches({"b": batch.folder}), images, CLASSES, MergeRules())
    merged = TrainingSet.write(home / "training_set", plan)
    assert merged.problems() == ()
    yield "training_set", parts_of(merged)
    write_detector(home / "onnx_export" / "model.onnx", export_metadata(CLASSES), size=(SIDE, SIDE))
    write_export_reports(home / "onnx_export", CLASSES)
    export = OnnxExport.open(home / "onnx_export")
    yield "onnx_export", export
    evaluated = _evaluated(home / "evaluation", batch)
    yield "evaluation", evaluated
    suggestion = ThresholdSuggestion.of(evaluated[0].report)
    yield "class_thresholds", ClassThresholds.write(home / "class_thresholds", suggestion)
    yield (
        "runtime_package",
        RuntimePackage.write(home / "runtime_package", export, Release("toy", "1.0.0+abc")),
    )
    made = community_version(home / "community").package
    shutil.copytree(made.folder, home / "community_model", dirs_exist_ok=True)
    yield "community_model", CommunityPackage.open(home / "community_model")
    publication = Publication(
        place="s3://models/models/toy",
        name="toy",
        id="000001-0123456789ab",
        version="1.0.0+abc",
        manifest_sha256="0" * 64,
    )
    yield "published_model", PublishedModel.write(home / "published_model", publication)
    task = PushedTask(id=7, name="first", url="https://example.org/tasks/7", frames=3, boxes=4)
    yield "pushed_tasks", PushedTasks.write(home / "pushed_tasks", (task,))
    out = write_annotation_batch(home / "out", ["a"])
    found = prelabelled(out, {"a": [ScoredBox(0, 0.5, Box(1, 1, 9, 9))]}, CLASSES)
    yield "prelabels", Prelabels.write(home / "prelabels", found)
    compared = compare_labels(batch, {"out": found})
    yield "label_corrections", LabelCorrections.write(home / "label_corrections", compared)
    member = CropMember(sha256="a" * 64, phash="0" * 16, contributors=("a", "b"))
    house = VotedCrop(
        kind="icon",
        slot="map",
        label="house",
        status="accepted",
        confidence=0.98,
        votes={"house": ("a", "b")},
        members=(member,),
    )
    files = {member.sha256: next((batch.folder / "images").rglob("*.png"))}
    counted = Votes(crops=(house,), reliability={"a": 0.9, "b": 0.9})
    yield "voted_crops", VotedCrops.write(home / "voted_crops", counted, files)
    doubted = house.model_copy(update={"status": "disputed"})
    asked = choose_disputes(Votes(crops=(doubted,)), Excluded(), most=1)
    yield "disputed_crops", DisputeBatch.write(home / "disputed_crops", asked, files)
    became = SettledCrop(sha256="a" * 64, outcome="decided", label="house", tag="house")
    content = SettledContent(url="https://example.org/tasks/7", crops=(became,))
    yield "settled_disputes", SettledDisputes.write(home / "settled_disputes", content)
    reading = TextVotes(
        slot="title", raw="Hause", votes={"House": ("a", "b")}, text="House", outcome="corrected"
    )
    yield "text_corrections", TextCorrections.write(home / "text_corrections", [reading])
    voted = write_voted_crops(home / "voted", names=3)
    data = read_images(voted, "icon", select_images(voted, "icon", RULES["icon"]), 64)
    job = finished_job(home / "finished", data)
    model = ClassifierModel.write(home / "classifier", job, data)
    yield "classifier", (model, model.epochs())


def _judged(folder: Path) -> PolicyEvaluation:
    """Two games of policies and of a random player."""
    won, lost = (
        PlayedGames(np.array([sign, sign]), *[np.array([1.0, 2.0]) * sign] * 4) for sign in (1, -1)
    )
    judgement = judge({"policies": won, "random": lost}, "scripted_l3")
    verdict = PolicyVerdict(judgement=judgement, recorded=())
    return PolicyEvaluation.keep(folder, verdict, b"")


def _textures(folder: Path) -> list[Path]:
    (folder / "t").mkdir(parents=True)
    files = [folder / "t" / name for name in ("g_one.dds", "w_one.dds", "x_other.dds")]
    for number, file in enumerate(files):
        write_dds(file, tile_of(TERRAINS[number], number))
    return files


def _cvat_export(file: Path) -> Path:
    """Two frames of two sessions, a house in each; one shape has no box."""
    names = [f"session{number}_0.png" for number in range(2)]
    rng = np.random.default_rng(0)
    noise = {name: rng.integers(0, 255, (SIDE, SIDE, 3), dtype=np.uint8) for name in names}
    images = {name: Image.fromarray(pixels) for name, pixels in noise.items()}
    boxes = [(names[0], (10, 10, 40, 50)), (names[1], (20, 20, 30, 30)), (names[0], (5, 5, 0, 9))]
    return write_export(file, images, CLASSES, [(name, "house", box) for name, box in boxes])


def _chosen(folder: Path, screenshots: Path) -> object:
    """Two screenshots to label next, one of them blind."""
    images, _ = read_screenshots(screenshots, sorted(screenshots.rglob("*.png")))
    candidates = find_candidates(images, ())
    rated = RatedCandidates(candidates, (Rating(1.0, 3.0),) * len(candidates.screenshots))
    picks = [Pick(0, blind=True, bits=64, before=0), Pick(1, blind=False, bits=30, before=0)]
    summary = SelectionSummary(
        screenshots=2,
        unreadable={"c.png": "damaged"},
        duplicates=0,
        labelled=0,
        candidates=2,
        sessions={"": 2},
        model="toy/onnx_export abc",
        boxes_per_detection=1.2,
        weights={"house": 1.0},
        boxes=6.0,
    )
    chosen = chosen_frames(rated, picks)
    return write_batch(folder, chosen, screenshots, summary), summary


def _evaluated(folder: Path, batch: ExportBatch) -> tuple[Evaluation, tuple[FrameVerdicts, ...]]:
    """A detector that finds one of two houses, and a boat that is none."""
    version = ArtifactVersion(asset="toy/cvat_export", partition="b", data_version="0" * 64)
    truths = batch_frames(batch)
    found = (ScoredBox(0, 0.9, truths[0].truths[0].box), ScoredBox(1, 0.8, Box(90, 90, 99, 99)))
    frames = [JudgedFrame(truths[0].name, truths[0].truths, found), truths[1].judged(())]
    verdicts = tuple(
        FrameVerdicts(
            name=frame.name,
            domain="real",
            image=ImageReference(version=version, path=f"images/{frame.name}"),
            verdicts=tuple(verdicts_on(frame.truths, frame.detections)),
        )
        for frame in frames
    )
    report = evaluate(frames, [], Judgement(CLASSES, (0.3, 0.3)), {"model": "abc"})
    worst = [(Path(frames[0].name).stem, Image.new("RGB", (8, 8)))]
    return Evaluation.write(folder, report, verdicts, worst), verdicts


@pytest.mark.parametrize("name", KINDS)
def test_what_was_written_is_read_back(written: Written, name: str) -> None:
    assert KINDS[name].read(written.home / name) == written.values[name]


DAMAGE = [(name, file) for name, kind in KINDS.items() for file in kind.files]


@pytest.mark.parametrize("what", ["missing", "cut off", "something else"])
@pytest.mark.parametrize(("name", "file"), DAMAGE, ids=lambda part: part)
def test_an_artifact_that_is_not_whole_names_the_asset_to_materialize(
    written: Written, tmp_path: Path, name: str, file: str, what: str
) -> None:
    copy = shutil.copytree(written.home / name, tmp_path / name)
    content = (copy / file).read_bytes()
    (copy / file).unlink()
    if what != "missing":
        (copy / file).write_bytes(content[: len(content) // 2] if what == "cut off" else b"\x00[]")
    with pytest.raises(OutpostError) as raised:
        KINDS[name].read(copy)
    assert "Materialize" in raised.value.fix
    assert KINDS[name].asset in raised.value.fix


@pytest.mark.parametrize("name", KINDS)
def test_another_folder_is_refused(written: Written, name: str) -> None:
    with pytest.raises(OutpostError) as raised:
        KINDS[name].read(written.home / "game")
    assert KINDS[name].asset in raised.value.fix


@pytest.mark.parametrize("name", KINDS)
def test_every_file_that_is_written_is_known(written: Written, name: str) -> None:
    """So that a file which is added to an artifact comes into these tests."""
    spelt = frozenset().union(*KINDS[name].spelt.values())
    named_by_content = {".jpg", ".whl", ".onnx"}
    lying = {file.name for file in (written.home / name).iterdir() if file.is_file()}
    assert {file for file in lying - spelt if Path(file).suffix not in named_by_content} == set()


LISTS = frozenset({"train.txt", "val.txt", "dataset.yaml"})
TRAINING = "pipeline/training/"
"""Takes sets that people made, too, and its program travels alone: it may spell the lists."""


def names_in(file: Path) -> set[str]:
    """The last parts of all paths and names that a module spells."""
    tree = ast.parse(file.read_text("utf-8"))
    texts = (node.value for node in ast.walk(tree) if isinstance(node, ast.Constant))
    return {text.rpartition("/")[2] for text in texts if isinstance(text, str)}


def modules() -> Iterator[tuple[str, Path]]:
    for tree in ("assets", "resources", "pipeline", "docs"):
        for file in sorted((ROOT / tree).rglob("*.py")):
            yield file.relative_to(ROOT).as_posix(), file


def test_the_file_names_of_an_artifact_are_spelt_in_its_class_alone() -> None:
    homes = {module: names for kind in KINDS.values() for module, names in kind.spelt.items()}
    every = frozenset().union(*homes.values())
    found = {module: every & names_in(file) for module, file in modules()}
    for module in [module for module in found if module.startswith(TRAINING)]:
        found[module] -= LISTS
    assert {module: names for module, names in found.items() if names} == homes


def test_assets_spell_no_json_file() -> None:
    names = (
        name for module, file in modules() if module.startswith("assets") for name in names_in(file)
    )
    assert {name for name in names if name.endswith(".json")} == set()


EXPORT = """
import json, sys
from ultralytics import YOLO
model = YOLO("yolo26n.yaml", task="detect")
model.save("best.pt")
model = YOLO("best.pt", task="detect")
model.export(format="onnx", imgsz=160, opset=12, nms=False, simplify=False)
print(json.dumps(list(model.names.values())))
"""


@pytest.mark.slow
def test_an_export_of_real_weights_is_written_and_read_back(
    written: Written, tmp_path: Path
) -> None:
    # In a process of its own: importing ultralytics changes Pillow for everyone in the process.
    command = [sys.executable, "-c", EXPORT]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    names = json.loads(done.stdout.splitlines()[-1])
    folder = tmp_path / "export"
    folder.mkdir()
    images = TrainingSet.open(written.home / "training_set").images("train")
    weights, exported = tmp_path / "best.pt", tmp_path / "best.onnx"
    export = OnnxExport.write(folder, exported, weights, names, images)
    assert OnnxExport.open(folder) == export
    assert export.parity.is_close
    assert export.sheet() is not None
    assert export.latency_ms() > 0
