"""A bundle is what the runtime reads, says where it comes from, and is the same every time."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from detector_runtime.bundle import Bundle, BundleMetrics, Interval, ThresholdTable
from detector_runtime.errors import BundleError
from detector_runtime.models.base import TrainedOn
from detector_runtime.models.training_scale import TrainingScale
from detector_runtime.owners.evidence import GRID
from detector_runtime.owners.head_file import write_head
from doubles.models import export_metadata, write_detector

from pipeline.export.contract import ContractReport, check_onnx_contract
from pipeline.owners.examples import OwnerExamples
from pipeline.owners.training import OwnerTraining, train_head
from pipeline.release.bundle import Release, release_version, write_bundle

CLASSES = ("knight", "sheep")
SIZE = (128, 160)
METADATA = {
    **export_metadata(CLASSES, SIZE),
    "stride": "32",
    "task": "detect",
    "outpost_game": "demo",
    "outpost_training_set": "abc",
}


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A model that gives 300 empty rows for any image."""
    return write_detector(tmp_path / "best.onnx", METADATA, size=SIZE)


@pytest.fixture
def contract(model: Path) -> ContractReport:
    return check_onnx_contract(model, CLASSES)


def test_the_runtime_reads_what_was_written(
    tmp_path: Path, model: Path, contract: ContractReport
) -> None:
    release = Release(
        "demo",
        release_version("1.0", "3f2a9c" * 10),
        ThresholdTable(default=0.3, per_class={"sheep": 0.2}),
        BundleMetrics(real_micro_f1=Interval(value=0.7, low=0.6, high=0.8), real_images=12),
        {"onnx_export": "def"},
    )

    write_bundle(tmp_path / "bundle", model, contract, release)

    manifest = Bundle.load(tmp_path / "bundle").manifest
    assert (manifest.name, manifest.version) == ("demo", "1.0+3f2a9c3f2a9c")
    assert manifest.classes == CLASSES
    assert manifest.io.input_size == (160, 128)
    assert manifest.thresholds.per_class == {"sheep": 0.2}
    assert manifest.lineage == {"game": "demo", "training_set": "abc", "onnx_export": "def"}


@pytest.mark.parametrize(
    ("trained_on", "said", "oldest"),
    [("tile", {"trained_on": "tile", "scale": 0.5}, "0.2.0"), ("frame", {}, "0.1.0")],
)
def test_a_bundle_says_at_which_scale_its_model_learned(
    tmp_path: Path, trained_on: TrainedOn, said: dict[str, object], oldest: str
) -> None:
    metadata = METADATA | TrainingScale(trained_on, 0.5, (320, 256)).to_metadata()
    model = write_detector(tmp_path / "best.onnx", metadata, size=SIZE)

    write_bundle(
        tmp_path / "bundle", model, check_onnx_contract(model, CLASSES), Release("demo", "1.0")
    )

    bundle = Bundle.load(tmp_path / "bundle")
    content = json.loads((tmp_path / "bundle" / "bundle.json").read_text("utf-8"))
    # A runtime of before reads the bundle of a model that it shows frames rightly.
    assert {key: content["io"].get(key) for key in said} == said
    assert ("scale" in content["io"]) == (trained_on == "tile")
    assert bundle.manifest.min_runtime == oldest
    learned = {"trained_on": trained_on, "scale": 0.5, "image_size": [320, 256]}
    assert bundle.manifest.lineage["learned"] == learned
    facts = bundle.open().facts
    assert (facts.trained_on, facts.keeps_scale) == (trained_on, trained_on == "tile")


def test_the_model_is_linked_and_not_copied(
    tmp_path: Path, model: Path, contract: ContractReport
) -> None:
    write_bundle(tmp_path / "bundle", model, contract, Release("demo", "1.0"))

    assert (tmp_path / "bundle" / "model.onnx").samefile(model)


def test_the_same_model_gives_the_same_bundle(
    tmp_path: Path, model: Path, contract: ContractReport
) -> None:
    texts = set()
    for name in ("one", "two"):
        write_bundle(tmp_path / name, model, contract, Release("demo", "1.0"))
        texts.add((tmp_path / name / "bundle.json").read_bytes())

    assert len(texts) == 1


def test_a_bundle_carries_what_tells_owners_and_it_must_know_the_classes(
    tmp_path: Path, model: Path, contract: ContractReport
) -> None:
    players = (("red", (220, 30, 30)), ("blue", (40, 80, 230)))
    rng = np.random.default_rng(1)
    examples = OwnerExamples(
        rng.integers(0, 255, (128, GRID, GRID, 3)).astype(np.uint8),
        np.ones((128, GRID, GRID), np.bool_),
        rng.integers(0, len(CLASSES), 128),
        np.eye(3, dtype=np.float32)[rng.integers(0, 3, 128)],
    )
    head = train_head(examples, players, CLASSES, OwnerTraining(epochs=1))
    file = tmp_path / "owners.json"
    file.write_text(write_head(head), "utf-8")

    write_bundle(tmp_path / "bundle", model, contract, Release("demo", "1.0", owner_head=file))

    bundle = Bundle.load(tmp_path / "bundle")
    assert bundle.manifest.min_runtime == "0.3.0"
    found = bundle.open().facts.owner_head
    assert found is not None
    assert found.owners == ("red", "blue", "nature")
    file.write_text(write_head(replace(head, class_names=CLASSES[::-1])), "utf-8")
    with pytest.raises(BundleError, match="other classes"):
        write_bundle(tmp_path / "wrong", model, contract, Release("demo", "1.0", owner_head=file))


def test_the_contract_of_another_file_is_noticed(
    tmp_path: Path, model: Path, contract: ContractReport
) -> None:
    other = contract.model_copy(update={"sha256": "0" * 64})

    with pytest.raises(BundleError):
        write_bundle(tmp_path / "bundle", model, other, Release("demo", "1.0"))


def test_thresholds_of_unknown_classes_are_refused(
    tmp_path: Path, model: Path, contract: ContractReport
) -> None:
    release = Release("demo", "1.0", ThresholdTable(per_class={"dragon": 0.5}))

    with pytest.raises(ValueError, match="dragon"):
        write_bundle(tmp_path / "bundle", model, contract, release)
