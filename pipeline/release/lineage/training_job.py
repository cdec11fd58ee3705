"""Which job made weights: its program, on which kind of host, when, and what it cost.

All of it is read from the artifact, of which the audit has verified every file: `trained_weights`,
`icon_classifier`, `screen_classifier` or `policies`. Whose machine it was is nobody's business who
gets a model: names and addresses of machines, and ids of leases, are left out.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from detector_runtime.policies.networks import ROLES

from pipeline.community.classifiers.job import PROGRAM as CLASSIFIER_PROGRAM
from pipeline.community.classifiers.model import ClassifierModel
from pipeline.errors import OutpostError
from pipeline.jobs.bill import Bill, BillError, CostIs
from pipeline.jobs.environment import JobEnvironment
from pipeline.jobs.kept import JobFiles
from pipeline.jobs.program.constants import JOB_FILE
from pipeline.provenance import Provenance
from pipeline.training.job import PROGRAM
from pipeline.training.outputs import TrainedWeights

TRAINED_WEIGHTS = "trained_weights"
POLICY_PROGRAM = "pipeline.play.policies.policy_program"
"""By its name alone: nothing that releases knows of playing."""


@dataclass(frozen=True)
class BaseWeights:
    """Weights that a training began with.

    Attributes:
        sha256: None where it was not recorded, and of those of an artifact.
        artifact: the version that holds them, which the audit verifies like every other input.
    """

    name: str
    sha256: str | None
    artifact: str | None = None


@dataclass(frozen=True)
class JobHost:
    """What a job ran on, as its program saw it; None where it said nothing.

    Attributes:
        device: the GPU's name, or the processor with its cores.
        is_gpu: whether it computed on a GPU.
    """

    device: str
    is_gpu: bool
    platform: str | None
    python: str | None
    torch: str | None
    cuda: str | None
    driver: str | None


@dataclass(frozen=True)
class RentedPart:
    """One of the leases that a job took.

    Attributes:
        place: of the cloud: a region or a data centre.
    """

    gpu: str
    place: str
    usd_per_hour: float
    seconds: float
    usd: float
    usd_is: CostIs


@dataclass(frozen=True)
class JobCost:
    """What a job cost, as its bill says.

    Attributes:
        provider: a cloud, or `ssh` and `local` for machines of one's own.
        usd_per_hour: of the last host.
        seconds: paid for, of all hosts.
        usd_is: 'billed' when the cloud has said so, 'estimated' from price and time.
        rented: in order; none where the machine is one's own.
    """

    provider: str
    usd_per_hour: float
    seconds: float
    usd: float
    usd_is: CostIs
    rented: tuple[RentedPart, ...] = ()


@dataclass(frozen=True)
class TrainingJob:
    """The job that made weights; what is None was not recorded.

    Attributes:
        program: package of the program that ran.
        program_sha256: of the one file that carried it to the host.
        code_version: digest of its source, and of what asks it.
        architecture: trained where no weights were begun with.
        hyperparameters: effective ones, with the seed.
        stages: of training, in order: their names, images, and hyperparameters that differ.
        base: what the training began with; None if from scratch, or if `began_with` is False.
        began_with: whether it is recorded what the training began with.
        began_at: UTC, ISO 8601, with all that led to the training.
        ended_at: when the weights were stored.
    """

    program: str
    program_sha256: str | None
    code_version: str
    architecture: str
    hyperparameters: Mapping[str, Any]
    stages: tuple[Mapping[str, Any], ...]
    base: BaseWeights | None
    began_with: bool
    began_at: str | None
    ended_at: str
    seconds: float
    host: JobHost | None
    cost: JobCost | None

    @staticmethod
    def of(folder: Path, record: Provenance) -> TrainingJob | None:
        """The job of an artifact; None where its description cannot be read, or no job made it.

        Args:
            folder: of the artifact.
            record: how it was made.
        """
        read = _READERS.get(record.version.kind)
        return read(folder, record) if read else None

    @property
    def not_recorded(self) -> tuple[str, ...]:
        """What nobody can tell any more, by name."""
        missing = {
            "the digest of its program": self.program_sha256 is None,
            "what the training began with": not self.began_with,
            "the kind of its host": self.host is None,
            "its cost": self.cost is None,
        }
        return tuple(name for name, is_missing in missing.items() if is_missing)


def _of_weights(folder: Path, record: Provenance) -> TrainingJob | None:
    try:
        trained = TrainedWeights.open(folder)
    except (OutpostError, OSError, ValueError):
        return None
    environment, spec = trained.environment, trained.spec
    said = environment.model_extra or {} if environment else {}
    return TrainingJob(
        program=str(PROGRAM),
        program_sha256=trained.program_sha256,
        code_version=record.recipe.code_version,
        architecture=spec.architecture,
        hyperparameters=spec.hyperparameters.model_dump(mode="json"),
        stages=tuple(stage.model_dump(mode="json") for stage in spec.training),
        base=_base(said.get("weights")),
        began_with="weights" in said,
        began_at=_began_at(record),
        ended_at=record.made_at,
        seconds=record.seconds,
        host=_host(environment) if environment else None,
        cost=_cost(lambda: trained.bill),
    )


def _of_classifier(folder: Path, record: Provenance) -> TrainingJob | None:
    try:
        model = ClassifierModel.open(folder)
        stages = dict.fromkeys(epoch.stage for epoch in model.epochs())
    except (OutpostError, OSError, ValueError):
        return None
    return TrainingJob(
        program=CLASSIFIER_PROGRAM[0],
        program_sha256=model.program_sha256,
        code_version=record.recipe.code_version,
        architecture=model.spec.architecture,
        hyperparameters=model.spec.hyperparameters.model_dump(mode="json"),
        stages=tuple({"name": stage} for stage in stages),
        base=_base_of_classifier(model.meta.weights, record),
        began_with=True,
        began_at=_began_at(record),
        ended_at=record.made_at,
        seconds=record.seconds,
        host=_host(model.environment) if model.environment else None,
        cost=_cost(lambda: model.bill),
    )


def _of_policies(folder: Path, record: Provenance) -> TrainingJob | None:
    files = JobFiles(folder)
    try:
        settings = dict(json.loads((folder / JOB_FILE).read_bytes())["settings"])
        stages = tuple({"name": role, **settings.pop(role)} for role in ROLES)
        architecture = f"transformers of {settings['layers']} layers of {settings['width']}"
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return TrainingJob(
        program=POLICY_PROGRAM,
        program_sha256=files.program_sha256,
        code_version=record.recipe.code_version,
        architecture=architecture,
        hyperparameters=settings,
        stages=stages,
        base=None,
        began_with=True,
        began_at=_began_at(record),
        ended_at=record.made_at,
        seconds=record.seconds,
        host=_host(files.environment) if files.environment else None,
        cost=_cost(lambda: files.bill),
    )


_READERS: Mapping[str, Callable[[Path, Provenance], TrainingJob | None]] = {
    TRAINED_WEIGHTS: _of_weights,
    "icon_classifier": _of_classifier,
    "screen_classifier": _of_classifier,
    "policies": _of_policies,
}
TRAINED = tuple(_READERS)
"""Kinds of artifacts that jobs have made."""


def _base_of_classifier(origin: str, record: Provenance) -> BaseWeights | None:
    """What `ClassifierMeta.weights` stands for: the classifier before is among the inputs."""
    if origin == "scratch":
        return None
    before = [one for one in record.recipe.inputs if one.asset == record.recipe.asset]
    if not before:
        return BaseWeights(f"weights of {origin}", None)
    return BaseWeights("the classifier before", None, str(before[0]))


def _began_at(record: Provenance) -> str | None:
    with suppress(ValueError, OverflowError):
        began = datetime.fromisoformat(record.made_at) - timedelta(seconds=record.seconds)
        return began.isoformat(timespec="seconds")
    return None


def _base(said: object) -> BaseWeights | None:
    """What `pipeline.training.detector_program.weights.described` has written."""
    if not isinstance(said, Mapping) or not said.get("name"):
        return None
    sha256 = said.get("sha256")
    return BaseWeights(str(said["name"]), str(sha256) if sha256 else None)


def _host(environment: JobEnvironment) -> JobHost:
    said = environment.model_extra or {}
    known = {
        name: str(said[name]) if said.get(name) else None
        for name in ("platform", "python", "torch", "cuda", "driver")
    }
    return JobHost(device=environment.device, is_gpu=environment.gpu is not None, **known)


def _cost(read: Callable[[], Bill | None]) -> JobCost | None:
    bill: Bill | None = None
    with suppress(BillError, OSError):
        bill = read()
    if bill is None:
        return None
    rented = tuple(
        RentedPart(one.gpu, one.place, one.usd_per_hour, one.seconds, one.usd, one.usd_is)
        for one in bill.leases
    )
    return JobCost(bill.provider, bill.usd_per_hour, bill.seconds, bill.usd, bill.usd_is, rented)
