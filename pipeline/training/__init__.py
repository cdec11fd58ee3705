"""Training: the job's specification, and the program that runs it on any host.

From Python, everything that is needed is here:

    from pipeline.training import TrainingConfig, train

Read `job` (what is trained, and the folder that carries it), `detector_program` (what runs on the
host), `results` and `curves` (what it tells), `outputs` (what it leaves), `estimate` (how long it
will take), then `library` (training from Python, and the account of what was trained). How a job is
sent and followed is `pipeline.jobs`; hosts and money do not belong here; what an export must be is
`pipeline.export`.
"""

from pipeline.jobs.failures import JobFailedError
from pipeline.training.library.api import (
    Callback,
    StopTraining,
    TrainedModel,
    print_epochs,
    stop_after,
    train,
)
from pipeline.training.library.checkpoints import (
    CheckpointKind,
    CheckpointManifest,
    CheckpointMissingError,
    CheckpointRecord,
)
from pipeline.training.library.config import TrainingConfig, TrainingConfigError
from pipeline.training.library.registry import (
    ModelRegistry,
    NotRegisteredError,
    RegisteredFileError,
    RegistryEntry,
    RegistryError,
)

__all__ = [
    "Callback",
    "CheckpointKind",
    "CheckpointManifest",
    "CheckpointMissingError",
    "CheckpointRecord",
    "JobFailedError",
    "ModelRegistry",
    "NotRegisteredError",
    "RegisteredFileError",
    "RegistryEntry",
    "RegistryError",
    "StopTraining",
    "TrainedModel",
    "TrainingConfig",
    "TrainingConfigError",
    "print_epochs",
    "stop_after",
    "train",
]
