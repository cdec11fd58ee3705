"""The bill of materials, by the validator of its own library, and what must be said in it."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cyclonedx.model.bom import Bom
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from detector_runtime.bundle import (
    BundleManifest,
    BundleMetrics,
    FileDigest,
    Interval,
    IoContract,
)
from doubles.artifacts import recorded
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.provenance import ArtifactVersion, Environment, Recipe
from pipeline.release.lineage.audit import AuditedVersion, AuditReport
from pipeline.release.lineage.bill_of_materials import Subject, cyclonedx_of
from pipeline.release.lineage.signed_records import SignatureState
from pipeline.release.lineage.training_job import (
    BaseWeights,
    JobCost,
    JobHost,
    RentedPart,
    TrainingJob,
)

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
BUNDLE = BundleManifest(
    name="toy",
    version="1.0.0+3f2a9c",
    files={"model.onnx": FileDigest(sha256="a" * 64, size=9)},
    io=IoContract(input_size=(640, 480)),
    classes=("house", "boat"),
    metrics=BundleMetrics(real_micro_f1=Interval(value=0.8, low=0.7, high=0.9)),
)
MACHINE = Environment(
    python="3.11.7", platform="Linux x86_64", libraries={"torch": "2.6.0+cpu", "numpy": "2.1"}
)


def link(
    asset: str,
    digit: str,
    *inputs: AuditedVersion,
    partition: str | None = None,
    problems: tuple[str, ...] = (),
    **config: Any,
) -> AuditedVersion:
    used = tuple(one.version for one in inputs)
    recipe = Recipe(
        asset=f"toy/{asset}", partition=partition, code_version="c1", config=config, inputs=used
    )
    made = recorded(recipe)(digit * 64).model_copy(update={"environment": MACHINE})
    return AuditedVersion(made.version, made, problems)


def report(notes: tuple[str, ...] = (), problems: tuple[str, ...] = ()) -> AuditReport:
    batch = link("cvat_export", "1", partition="session a", export="e" * 64, problems=problems)
    scenes = link("synthetic_set", "2", scenes={"seed": 42})
    merged = link("cvat_merge", "3", scenes, batch)
    weights = link("trained_weights", "4", merged, weights="yolo26n.pt")
    export = link("onnx_export", "5", weights)
    chain = (export, weights, merged, scenes, batch)
    return AuditReport(Path("model.onnx"), "a" * 64, chain, problems, notes)


def bill(found: AuditReport, bundle: BundleManifest | None = BUNDLE) -> dict[str, Any]:
    text = cyclonedx_of(Subject(found, bundle, "0.1.0"), NOW)
    problem = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    assert problem is None, problem
    document: dict[str, Any] = json.loads(text)
    return document


def trained(base: BaseWeights | None, *, was_recorded: bool = True) -> AuditReport:
    """Weights with the job that made them, which began with this."""
    merged = link("cvat_merge", "3")
    weights = link("trained_weights", "4", merged, weights="yolo26n.pt")
    job = TrainingJob(
        program="pipeline.training.detector_program",
        program_sha256="d" * 64,
        code_version="c1",
        architecture="yolo26n.yaml",
        hyperparameters={"seed": 42, "cache": False},
        stages=({"name": "train"},),
        base=base,
        began_with=was_recorded,
        began_at="2026-05-01T11:00:00+00:00",
        ended_at="2026-05-01T12:00:00+00:00",
        seconds=3600.0,
        host=JobHost("NVIDIA H200", True, "Linux x86_64", "3.11.7", "2.15.0", "13.2", None),
        cost=JobCost(
            "runpod", 3.6, 3600.0, 3.6, "billed", (RentedPart("H200", "EU", 3.6, 9, 3.6, "billed"),)
        ),
    )
    return AuditReport(Path("best.pt"), "a" * 64, (replace(weights, job=job), merged), ())


def test_a_training_is_a_workflow_with_its_settings_host_and_cost() -> None:
    document = bill(trained(BaseWeights("yolo26n.pt", "e" * 64)))
    (formula,) = document["formulation"]
    (workflow,) = formula["workflows"]
    assert (workflow["timeStart"], workflow["timeEnd"]) == (
        "2026-05-01T11:00:00+00:00",
        "2026-05-01T12:00:00+00:00",
    )
    refs = {part["bom-ref"] for part in document["components"]}
    used, settings_used = workflow["inputs"]
    assert used["resource"]["ref"] in refs
    assert {"name": "seed", "value": "42"} in settings_used["parameters"]
    assert workflow["outputs"][0]["resource"]["ref"] in refs
    assert properties(workflow, "program_sha256") == ["d" * 64]
    assert properties(workflow, "host_device") == ["NVIDIA H200"]
    assert properties(workflow, "host_driver") == [], "it was not recorded"
    assert properties(workflow, "cost_usd") == ["3.6"]
    assert properties(workflow, "cost_usd_is") == ["billed"]
    assert json.loads(properties(workflow, "cost_rented")[0])["place"] == "EU"
    assert Bom.from_json(document).metadata.component is not None  # type: ignore[attr-defined]


def test_base_weights_are_those_that_the_training_began_with() -> None:
    def bases(found: AuditReport) -> list[dict[str, Any]]:
        parts = bill(found)["components"]
        return [part for part in parts if part["bom-ref"].startswith("base/")]

    (known,) = bases(trained(BaseWeights("yolo26n.pt", "e" * 64)))
    assert known["hashes"] == [{"alg": "SHA-256", "content": "e" * 64}]
    assert bases(trained(None)) == [], "from scratch, whatever was asked for"
    (asked,) = bases(trained(None, was_recorded=False))
    assert (asked["name"], asked.get("hashes")) == ("yolo26n.pt", None)


def test_whose_word_a_record_is_is_said() -> None:
    scenes = link("synthetic_set", "2")
    unsigned = replace(scenes, signature=SignatureState.UNSIGNED)
    document = bill(AuditReport(Path("m.onnx"), "a" * 64, (unsigned,), (), ("unsigned",)))
    (part,) = (one for one in document["components"] if one["name"] == "toy/synthetic_set")
    assert properties(part, "signature") == ["unsigned"]
    assert properties(part, "verified") == ["false"]
    assert properties(document["metadata"]["component"], "verified") == ["false"]
    assert {one["aggregate"] for one in document["compositions"]} == {"incomplete"}


def properties(component: dict[str, Any], name: str) -> list[str]:
    return [one["value"] for one in component["properties"] if one["name"] == f"outpost:{name}"]


def test_the_model_is_named_with_its_digest_licence_and_score() -> None:
    model = bill(report())["metadata"]["component"]
    assert (model["type"], model["name"], model["version"]) == (
        "machine-learning-model",
        "toy",
        "1.0.0+3f2a9c",
    )
    assert model["hashes"] == [{"alg": "SHA-256", "content": "a" * 64}]
    assert model["licenses"] == [{"expression": "AGPL-3.0-or-later"}]
    card = model["modelCard"]
    (metric,) = card["quantitativeAnalysis"]["performanceMetrics"]
    assert metric["confidenceInterval"] == {"lowerBound": "0.7", "upperBound": "0.9"}
    assert [one["value"] for one in card["properties"]] == ["house", "boat"]


def test_data_sets_are_components_with_digests_seeds_and_code() -> None:
    document = bill(report())
    parts = {part["bom-ref"]: part for part in document["components"]}
    card = document["metadata"]["component"]["modelCard"]
    sets = [one["ref"] for one in card["modelParameters"]["datasets"]]
    assert {parts[ref]["name"] for ref in sets} == {
        "toy/cvat_merge",
        "toy/synthetic_set",
        "toy/cvat_export [session a]",
    }
    scenes = next(part for part in parts.values() if part["name"] == "toy/synthetic_set")
    assert scenes["hashes"][0]["content"] == "2" * 64
    assert json.loads(properties(scenes, "settings")[0]) == {"scenes": {"seed": 42}}
    assert properties(scenes, "code_version") == ["c1"]


def test_everything_hangs_together_down_to_libraries_and_base_weights() -> None:
    document = bill(report())
    used = {one["ref"]: one.get("dependsOn", []) for one in document["dependencies"]}
    reached, waiting = set[str](), ["model"]
    while waiting:
        ref = waiting.pop()
        reached.add(ref)
        waiting += [one for one in used[ref] if one not in reached]
    assert reached == {"model", *(part["bom-ref"] for part in document["components"])}
    assert "base/yolo26n.pt" in reached
    (torch,) = [part for part in document["components"] if part["name"] == "torch"]
    assert torch["purl"] == "pkg:pypi/torch@2.6.0"


def test_what_could_not_be_verified_is_said() -> None:
    clean, noted = bill(report()), bill(report(("mount the disk",), ("x.png: is missing",)))
    said = properties(noted["metadata"], "unverified")
    assert {"mount the disk", "x.png: is missing"} <= set(said)
    always = properties(clean["metadata"], "unverified")
    assert any("yolo26n.pt" in text for text in always)
    assert any("Licences" in text for text in always)
    assert not any("with which libraries" in text for text in always)
    assert properties(noted["metadata"]["component"], "verified") == ["false"]
    (batch,) = [part for part in noted["components"] if "cvat_export" in part["name"]]
    assert properties(batch, "verified") == ["false"]
    complete = {one["aggregate"]: one["assemblies"] for one in noted["compositions"]}
    assert batch["bom-ref"] in complete["incomplete"]


def test_a_model_of_unknown_origin_has_a_bill_that_says_so() -> None:
    found = AuditReport(Path("best.pt"), "b" * 64, (), ("not in the artifact store",))
    document = bill(found, None)
    assert "components" not in document
    assert [one["aggregate"] for one in document["compositions"]] == ["incomplete"]
    model = document["metadata"]["component"]
    assert model["name"] == "best.pt"
    assert "licenses" not in model, "nobody knows it"
    assert "not in the artifact store" in properties(document["metadata"], "unverified")


def test_records_of_before_libraries_were_kept_are_named() -> None:
    scenes = link("synthetic_set", "2")
    assert scenes.provenance is not None
    older = AuditedVersion(
        scenes.version, scenes.provenance.model_copy(update={"environment": None}), ()
    )
    document = bill(AuditReport(Path("m.onnx"), "a" * 64, (older,), ()))
    assert any(
        str(older.version) in text for text in properties(document["metadata"], "unverified")
    )


def test_the_same_finding_makes_the_same_bill() -> None:
    subject = Subject(report(), BUNDLE, "0.1.0")
    one, later = cyclonedx_of(subject, NOW), cyclonedx_of(subject, NOW.replace(year=2027))
    assert cyclonedx_of(subject, NOW) == one
    assert json.loads(one)["serialNumber"] == json.loads(later)["serialNumber"]
    other = cyclonedx_of(Subject(report(("a note",)), BUNDLE, "0.1.0"), NOW)
    assert json.loads(other)["serialNumber"] != json.loads(one)["serialNumber"]


def test_the_library_reads_it_back() -> None:
    document = bill(report())
    assert Bom.from_json(document).metadata.component is not None  # type: ignore[attr-defined]


@settings(max_examples=20, deadline=None)
@given(st.text(min_size=1), st.text(min_size=1))
def test_any_batch_name_and_note_make_a_valid_bill(batch: str, note: str) -> None:
    version = ArtifactVersion(asset="toy/cvat_export", partition=batch, data_version="1" * 64)
    chain = (AuditedVersion(version, None, (note,)),)
    bill(AuditReport(Path("m.onnx"), "a" * 64, chain, (note,)), None)
