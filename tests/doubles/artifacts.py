"""Artifacts as their assets leave them, with as little in them as a test needs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from pipeline.export.contract import check_onnx_contract
from pipeline.export.parity import ParityReport
from pipeline.files import write_json
from pipeline.jobs.bill import Bill, LeaseCost
from pipeline.labels.batches import Batch, BatchReport, SourceExport
from pipeline.labels.coverage import ClassCoverage
from pipeline.labels.merge import MergeSummary
from pipeline.provenance import Provenance, Recipe
from pipeline.scenes.dataset.synthetic_set import SetSummary, SyntheticSet
from pipeline.training.job import TrainingSpec
from resources.keys.record_keys import RecordKeys

CLOSE = ParityReport(
    images=1, detections=1, matched=1, unmatched=0, max_box_pixels=0.0, max_score_difference=0.0
)
RENTED_BILL = Bill(
    provider="runpod",
    host="pod-k3j4",
    gpu="NVIDIA H200",
    usd_per_hour=3.6,
    seconds=4500.0,
    usd=4.1,
    usd_is="billed",
    leases=(
        LeaseCost(
            lease="lease-17",
            gpu="NVIDIA H200",
            place="EU-RO-1",
            usd_per_hour=3.6,
            seconds=4500.0,
            usd=4.1,
            usd_is="billed",
            ended_because="the job was done",
        ),
    ),
)
"""Of a job for which one host was rented."""


def recorded(recipe: Recipe, keys: RecordKeys | None = None) -> Callable[[str], Provenance]:
    """Describes a build of a recipe, by its data version, for `ArtifactStore.commit`.

    Args:
        keys: whose signing key signs it; None: nobody's.
    """

    def describe(data_version: str) -> Provenance:
        record = Provenance(
            recipe=recipe,
            data_version=data_version,
            run_id="by hand",
            made_at="2026-01-01T00:00:00+00:00",
            seconds=1.0,
            outpost_version="0",
        )
        return keys.sign(record) if keys else record

    return describe


def write_stored_batch(folder: Path, batch: Batch) -> None:
    """An export batch without its images."""
    source = SourceExport(file="export.zip", sha256="0" * 64)
    write_json(folder / "labels.json", TypeAdapter(Batch).dump_python(batch, mode="json"))
    write_json(folder / "report.json", BatchReport.of(batch).model_dump(mode="json"))
    write_json(folder / "source.json", source.model_dump(mode="json"))


def write_set_summary(folder: Path, classes: Sequence[str], images: int) -> None:
    """What a synthetic set says of itself; its scenes are the test's."""
    counts = dict.fromkeys(classes, 0)
    SyntheticSet.write(
        folder,
        SetSummary(
            game="toy", classes=tuple(classes), images=images, counts=counts, dropped={}, scenes={}
        ),
    )


def write_training_set_files(
    folder: Path,
    classes: Sequence[str],
    train: Sequence[str],
    val: Sequence[str],
    per_class: Mapping[str, ClassCoverage] | None = None,
) -> None:
    """What a training set says of itself; images and labels are the test's."""
    for name, lines in (("train", train), ("val", val)):
        text = "".join(f"./{line}\n" for line in lines)
        (folder / f"{name}.txt").write_text(text, encoding="utf-8")
    named = "".join(f"  {number}: {name}\n" for number, name in enumerate(classes))
    (folder / "dataset.yaml").write_text(
        f"train: train.txt\nval: val.txt\nnames:\n{named}", encoding="utf-8"
    )
    write_json(folder / "merge_summary.json", _merge_summary(len(train), len(val), per_class or {}))


def _merge_summary(train: int, val: int, per_class: Mapping[str, ClassCoverage]) -> dict[str, Any]:
    """Of synthetic images alone, as JSON values."""
    return MergeSummary(
        real_train=0,
        real_val=0,
        synthetic_train=train,
        synthetic_val=val,
        total_train=train,
        total_val=val,
        oversample_real=1,
        listed_train=train,
        split="sessions",
        split_units=0,
        validation_fraction=0.2,
        seed=1,
        unlabelled="drop",
        per_class=dict(per_class),
        zero_real_classes=(),
        batches=(),
        duplicates=(),
        unknown_labels={},
        validation_leaks=(),
        held_out_leaks=(),
        warnings=(),
    ).model_dump(mode="json")


def write_export_reports(folder: Path, classes: Sequence[str]) -> None:
    """What lies beside an exported model: its contract, and that it is close to its weights."""
    contract = check_onnx_contract(folder / "model.onnx", classes)
    write_json(folder / "contract.json", contract.model_dump(mode="json"))
    write_json(folder / "parity.json", CLOSE.model_dump(mode="json"))


def write_trained_weights(folder: Path, bill: Bill, environment: Mapping[str, Any]) -> None:
    """What a training leaves: weights that are none, its job and program, its host and bill."""
    (folder / "best.pt").write_bytes(b"weights")
    (folder / "program.pyz").write_bytes(b"program")
    spec = TrainingSpec(game="toy", class_names=("knight",))
    write_json(folder / "job.json", spec.model_dump(mode="json"))
    write_json(folder / "environment.json", dict(environment))
    bill.write_if_possible(folder, print)
