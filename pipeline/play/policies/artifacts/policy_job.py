"""The job of cloning policies: what to learn, how, and the folder that carries it to a host.

The program is `pipeline.play.policies.policy_program`; see its `main`.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, ValidationError

from pipeline.jobs.folder import JobError, write_job_folder
from pipeline.jobs.spec import JobSpec, pinned
from pipeline.manifests import Record
from pipeline.play.policies.following import POLICY_EVENTS
from pipeline.play.policies.policy_program.constants import SESSIONS_FOLDER
from pipeline.play.policies.settings import CloneSettings

CLONING = (
    *("pipeline.errors", "pipeline.files", "pipeline.manifests", "pipeline.progress"),
    *("pipeline.jobs.events", "pipeline.training.curves", "pipeline.training.results"),
    *("pipeline.play.demonstrations", "pipeline.play.stored_demonstrations"),
    "pipeline.play.recordings.events",
    *(
        f"pipeline.play.policies.{name}"
        for name in ("checkpoints", "cloning", "examples", "following", "hindsight", "losses")
    ),
    *(
        f"pipeline.play.policies.{name}"
        for name in ("networks", "onnx_files", "settings", "training")
    ),
    *(
        f"pipeline.play.simulator.{name}"
        for name in ("games", "maps", "observation", "records", "rules", "scripted")
    ),
)
"""What the program imports of the domain beside what every job brings."""
RUNTIME = (
    *("checks", "errors", "geometry.letterbox", "images", "results", "thresholds"),
    *("models.base", "models.onnx", "models.onnx_layout", "models.training_scale"),
    *("policies.features", "policies.known", "policies.networks", "policies.player"),
    *("system.cores", "system.forks"),
)
"""What it imports of the runtime."""
PROGRAM = (
    "pipeline.play.policies.policy_program",
    "pipeline.training.detector_program.acceleration",
    *CLONING,
    *(f"detector_runtime.{name}" for name in RUNTIME),
)
"""The program, and what travels with it."""
REQUIREMENTS = ("filelock", "onnx", "onnxruntime", "psutil", "pydantic", "safetensors")
"""What the program needs beside torch; numpy comes with onnx."""
MATERIALIZE = "Materialize play/policies again."


class PolicySpec(Record):
    """Everything that a host has to know to train policies and to export them."""

    game: str = Field(min_length=1)
    settings: CloneSettings
    sessions: tuple[str, ...] = Field(min_length=2, description="Names of those that are sent.")


def write_policy_job(
    folder: Path, spec: PolicySpec, sessions: Path, resume: Path | None = None
) -> Path:
    """Fill an empty folder with everything that the job needs; the path of its job file.

    Args:
        folder: created; must be absent or empty.
        spec: what to do.
        sessions: folder of demonstrations (`pipeline.play.stored_demonstrations`).
        resume: as of `pipeline.jobs.folder.write_job_folder`.

    Raises:
        JobError: the folder is not empty, or a checkpoint is missing.
    """
    inputs = {SESSIONS_FOLDER: sessions}
    return write_job_folder(folder, PROGRAM, spec.model_dump_json(indent=1), inputs, resume)


def policy_job_spec(spec: PolicySpec) -> JobSpec:
    """What those who run the training have to know of it."""
    batches = (spec.settings.of(role).batch for role in ("strategist", "tactician", "executor"))
    return JobSpec(
        name="training of the policies",
        requirements=pinned(REQUIREMENTS),
        event_types=POLICY_EVENTS,
        memory_fix=f"Lower the batches (now {', '.join(map(str, batches))}), learn from fewer "
        "sessions, or close other programs.",
    )


def read_policy_job(file: Path) -> PolicySpec:
    """Read a job file.

    Raises:
        JobError: it is not one.
    """
    try:
        return PolicySpec.model_validate_json(file.read_text(encoding="utf-8"))
    except (OSError, ValidationError) as error:
        raise JobError(f"{file} is not the job of policies: {error}", MATERIALIZE) from error
