"""A bill of materials of an audited model: CycloneDX 1.6 with an ML model card, as JSON.

https://cyclonedx.org/docs/1.6/json/. The library has no classes for `modelCard`, `compositions` and
`formulation` (cyclonedx-python-lib 11.12), so these three are added to what it writes.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from detector_runtime.bundle import BundleManifest

from pipeline.manifests import digest_of
from pipeline.provenance import ArtifactVersion, asset_name
from pipeline.release.lineage.audit import AuditedVersion, AuditReport
from pipeline.release.lineage.training_job import (
    TRAINED,
    TRAINED_WEIGHTS,
    BaseWeights,
    TrainingJob,
)
from pipeline.release.wheel import MODEL_LICENCE

if TYPE_CHECKING:
    from cyclonedx.model import Property
    from cyclonedx.model.bom import Bom
    from cyclonedx.model.component import Component

MODEL_REF = "model"
MODELS = (*TRAINED, "onnx_export", "runtime_package", "community_model", "policy_package")
DATA_SETS = (
    "cvat_merge",
    "synthetic_set",
    "cvat_export",
    "real_evaluation",
    "staged_crops",
    "voted_crops",
    "recordings",
    "policy_evaluation",
)
"""Assets that a model was trained or judged on."""
NEVER_VERIFIED = (
    "Licences of the game's files, of screenshots and of annotations are not recorded.",
    "Libraries are those of the process that stored an artifact, by their installed versions: a "
    "rented host or a worker on another machine may have had others.",
)
Properties = Mapping[str, object]


@dataclass(frozen=True)
class Subject:
    """What the bill is of, beside what the audit found.

    Attributes:
        bundle: of the audited folder; None where there was none that could be read.
        outpost_version: of the program that writes the bill.
    """

    report: AuditReport
    bundle: BundleManifest | None
    outpost_version: str


def cyclonedx_of(subject: Subject, written_at: datetime) -> str:
    """The bill of a model, everything that it was made from, and what could not be verified.

    The serial number follows from the content, so that only `written_at` differs between two bills
    of one finding.
    """
    from cyclonedx.output.json import JsonV1Dot6

    bom = _bom_of(subject)
    # Drawn at random by the library; it is set below.
    bom.serial_number, bom.metadata.timestamp = uuid.UUID(int=0), written_at
    document: dict[str, Any] = json.loads(JsonV1Dot6(bom).output_as_string())
    document["metadata"]["component"]["modelCard"] = _model_card(subject)
    document["compositions"] = _compositions(subject.report)
    if formulation := _formulation(subject.report):
        document["formulation"] = formulation
    del document["serialNumber"], document["metadata"]["timestamp"]
    serial = uuid.uuid5(uuid.NAMESPACE_URL, digest_of(document))
    document["serialNumber"] = f"urn:uuid:{serial}"
    document["metadata"]["timestamp"] = written_at.isoformat()
    return json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def unverified(report: AuditReport) -> tuple[str, ...]:
    """Everything that a reader of the bill must not take for proven."""
    base = (
        f"{one.name}: {'nothing but its digest' if one.sha256 else 'no digest of it'} is recorded."
        for one in _base_weights(report)
    )
    made = ((link.version, link.provenance) for link in report.chain if link.provenance)
    older = (
        f"{version}: its record does not say with which libraries it was made."
        for version, record in made
        if record.environment is None
    )
    return (*report.problems, *report.notes, *base, *older, *NEVER_VERIFIED)


def _bom_of(subject: Subject) -> Bom:
    from cyclonedx.model.bom import Bom
    from cyclonedx.model.component import Component, ComponentType

    report = subject.report
    bom = Bom()
    bom.metadata.component = model = _model(subject)
    bom.metadata.tools.components.add(
        Component(name="outpost", version=subject.outpost_version, type=ComponentType.APPLICATION)
    )
    bom.metadata.properties = _properties({"unverified": unverified(report)})
    links = {link.version: _component(link) for link in report.chain}
    base = {one: _base_component(one) for one in _base_weights(report)}
    libraries = list(_libraries(report))
    for component in (*links.values(), *base.values(), *libraries):
        bom.components.add(component)
    bom.register_dependency(model, [*_holders(report, links), *libraries])
    for link in report.chain:
        made = link.provenance
        used = [links[one] for one in made.recipe.inputs if one in links] if made else []
        begun = [base[one] for one in _base_of(link) if one in base]
        bom.register_dependency(links[link.version], [*used, *begun])
    return bom


def _model(subject: Subject) -> Component:
    from cyclonedx.model import HashAlgorithm, HashType
    from cyclonedx.model.component import Component, ComponentType
    from cyclonedx.model.license import LicenseExpression

    report, bundle = subject.report, subject.bundle
    return Component(
        name=bundle.name if bundle else report.subject.name,
        version=bundle.version if bundle else report.subject_sha256[:12],
        type=ComponentType.MACHINE_LEARNING_MODEL,
        bom_ref=MODEL_REF,
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=report.subject_sha256)],
        licenses=[LicenseExpression(MODEL_LICENCE)] if report.chain else [],
        properties=_properties(
            {"file": report.subject.name, "verified": str(report.is_verified).lower()}
        ),
    )


def _component(link: AuditedVersion) -> Component:
    from cyclonedx.model import HashAlgorithm, HashType
    from cyclonedx.model.component import Component, ComponentType

    version = link.version
    is_model = version.kind in MODELS
    return Component(
        name=asset_name(version.asset, version.partition),
        version=version.data_version,
        type=ComponentType.MACHINE_LEARNING_MODEL if is_model else ComponentType.DATA,
        bom_ref=_ref(version),
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=version.data_version)],
        properties=_properties(
            {
                "digest": "SHA-256 of the list of all files with size and SHA-256",
                "verified": str(not link.problems and not link.unverified).lower(),
                "unverified": (*link.problems, *link.unverified),
                **_how_made(link),
            }
        ),
    )


def _how_made(link: AuditedVersion) -> Properties:
    made = link.provenance
    if made is None:
        return {}
    settings = json.dumps(made.recipe.config, sort_keys=True, ensure_ascii=False)
    shown = {
        "code_version": made.recipe.code_version,
        "outpost_version": made.outpost_version,
        "run_id": made.run_id,
        "signature": str(link.signature or "none"),
        **({"signed_by": link.signed_by} if link.signed_by else {}),
        "made_at": made.made_at,
        "seconds": made.seconds,
        # With seeds, and the digests of exports.
        "settings": settings,
    }
    here = made.environment
    return {**shown, "python": here.python, "platform": here.platform} if here else shown


def _libraries(report: AuditReport) -> Iterator[Component]:
    """Those with which anything of the chain was made, each version once."""
    from cyclonedx.model.component import Component, ComponentScope, ComponentType
    from packageurl import PackageURL

    made = (link.provenance for link in report.chain if link.provenance)
    used = {item for one in made if one.environment for item in one.environment.libraries.items()}
    for name, version in sorted(used):
        yield Component(
            name=name,
            version=version,
            type=ComponentType.LIBRARY,
            bom_ref=f"library/{name}@{version}",
            # It made the model, and none of it is delivered with it.
            scope=ComponentScope.EXCLUDED,
            purl=PackageURL("pypi", name=name, version=version.partition("+")[0]),
        )


def _base_weights(report: AuditReport) -> tuple[BaseWeights, ...]:
    """What trainings began with: as it was recorded there, else as it was asked for."""
    found = {base for link in report.chain for base in _base_of(link)}
    return tuple(sorted(found, key=lambda one: (one.name, one.sha256 or "")))


def _base_of(link: AuditedVersion) -> Iterator[BaseWeights]:
    """Of one training, except for weights of an artifact, which is an input like others."""
    if link.job is not None and link.job.began_with:
        if link.job.base is not None and link.job.base.artifact is None:
            yield link.job.base
    elif link.version.kind == TRAINED_WEIGHTS and link.provenance:
        asked = link.provenance.recipe.config.get("weights")
        yield from [BaseWeights(str(asked), None)] if asked else []


def _base_component(base: BaseWeights) -> Component:
    from cyclonedx.model import HashAlgorithm, HashType
    from cyclonedx.model.component import Component, ComponentType

    hashes = [HashType(alg=HashAlgorithm.SHA_256, content=base.sha256)] if base.sha256 else []
    return Component(
        name=base.name,
        type=ComponentType.MACHINE_LEARNING_MODEL,
        bom_ref=f"base/{base.name}/{base.sha256}" if base.sha256 else f"base/{base.name}",
        hashes=hashes,
        description="Weights that the training began with.",
        properties=_properties({"verified": "false"}),
    )


def _holders(
    report: AuditReport, links: Mapping[ArtifactVersion, Component]
) -> Iterator[Component]:
    """The versions that contain the model: those that no other of the chain was made from."""
    records = (link.provenance for link in report.chain if link.provenance)
    used = {version for made in records for version in made.recipe.inputs}
    yield from (component for version, component in links.items() if version not in used)


def _properties(values: Properties) -> list[Property]:
    from cyclonedx.model import Property

    return [
        Property(name=f"outpost:{name}", value=str(one))
        for name, value in values.items()
        for one in (value if isinstance(value, tuple) else (value,))
    ]


def _model_card(subject: Subject) -> dict[str, Any]:
    """https://cyclonedx.org/docs/1.6/json/#metadata_component_modelCard."""
    sets = [link for link in subject.report.chain if link.version.kind in DATA_SETS]
    parameters: dict[str, Any] = {
        "approach": {"type": "supervised"},
        "task": "object detection",
        "datasets": [{"ref": _ref(link.version)} for link in sets],
        "inputs": [{"format": "image"}],
        "outputs": [{"format": "boxes with class and score"}],
    }
    card: dict[str, Any] = {"modelParameters": parameters}
    bundle = subject.bundle
    if bundle is None:
        return card
    width, height = bundle.io.input_size
    parameters["inputs"] = [{"format": f"image, {bundle.io.color}, {width} x {height} pixels"}]
    classes = [{"name": "outpost:class", "value": name} for name in bundle.classes]
    if bundle.metrics is not None:
        score = bundle.metrics.real_micro_f1
        interval = {"lowerBound": str(score.low), "upperBound": str(score.high)}
        metric = {
            "type": "micro-F1 at IoU 0.5 on real frames",
            "value": str(score.value),
            "confidenceInterval": interval,
        }
        card["quantitativeAnalysis"] = {"performanceMetrics": [metric]}
    return {**card, "properties": classes}


def _compositions(report: AuditReport) -> list[dict[str, Any]]:
    """Of which parts all is known, and of which not.

    Never all of the model and of weights: libraries and base weights are known by name alone.
    """
    whole = [
        _ref(link.version)
        for link in report.chain
        if not link.problems and not link.unverified and link.version.kind not in MODELS
    ]
    partly = [_ref(link.version) for link in report.chain if _ref(link.version) not in whole]
    parts = {"complete": whole, "incomplete": [MODEL_REF, *partly]}
    return [
        {"aggregate": aggregate, "assemblies": refs} for aggregate, refs in parts.items() if refs
    ]


def _formulation(report: AuditReport) -> list[dict[str, Any]]:
    """The trainings: https://cyclonedx.org/docs/1.6/json/#formulation."""
    workflows = [_workflow(link, link.job) for link in report.chain if link.job]
    return [{"bom-ref": "formulation", "workflows": workflows}] if workflows else []


def _workflow(link: AuditedVersion, job: TrainingJob) -> dict[str, Any]:
    """What was fed into a training, on which kind of host it ran, and what it cost."""
    used = link.provenance.recipe.inputs if link.provenance else ()
    chosen = [
        {"name": name, "value": json.dumps(value)} for name, value in job.hyperparameters.items()
    ]
    times = {"timeStart": job.began_at, "timeEnd": job.ended_at if job.began_at else None}
    said = _properties({name: value for name, value in _said_of(job).items() if value is not None})
    return {
        "bom-ref": f"training/{_ref(link.version)}",
        "uid": link.version.data_version,
        "name": "training",
        "taskTypes": ["build"],
        **{name: value for name, value in times.items() if value is not None},
        "inputs": [
            *({"resource": {"ref": _ref(version)}} for version in used),
            {"parameters": chosen},
        ],
        "outputs": [{"type": "artifact", "resource": {"ref": _ref(link.version)}}],
        "properties": [{"name": one.name, "value": one.value} for one in said],
    }


def _said_of(job: TrainingJob) -> Properties:
    """Of a training, what CycloneDX has no word for; None where it was not recorded."""
    host, cost = job.host, job.cost
    stages = tuple(json.dumps(stage, sort_keys=True, ensure_ascii=False) for stage in job.stages)
    program = {
        "program": job.program,
        "program_sha256": job.program_sha256,
        "code_version": job.code_version,
        "architecture": job.architecture,
        "stage": stages,
        "seconds": job.seconds,
        "not_recorded": job.not_recorded,
    }
    ran = {} if host is None else {f"host_{name}": value for name, value in vars(host).items()}
    if cost is None:
        return {**program, **ran}
    rented = tuple(json.dumps(vars(part), sort_keys=True) for part in cost.rented)
    paid = {f"cost_{name}": value for name, value in vars(cost).items() if name != "rented"}
    return {**program, **ran, **paid, "cost_rented": rented}


def _ref(version: ArtifactVersion) -> str:
    """Names of assets and batches, and digits: unlike any other reference of the bill."""
    return f"{asset_name(version.asset, version.partition)}:{version.data_version[:20]}"
