"""The Dagster resource that assets ask for a host to train on."""

import os
from contextlib import AbstractContextManager
from typing import Any

import dagster as dg
from pydantic import ValidationError

from pipeline.jobs.events import OnLog
from pipeline.jobs.spec import JobSpec
from resources.gpu.lease import Lease
from resources.gpu.settings import VARIABLE, GpuSettings, GpuSettingsError, variable_of
from resources.paths import Paths


class Gpu(dg.ConfigurableResource, GpuSettings):  # type: ignore[type-arg]
    """Rents a host for a job, within one asset's body.

    Not through the resource's own set-up and tear-down: Dagster runs those once a process, and an
    error in them does not fail the run. API keys are read from the environment when they are
    needed (RUNPOD_API_KEY, LAMBDA_API_KEY) and are part of no configuration. The ledger, our SSH
    key and the folders of jobs lie in the state folder.
    """

    paths: Paths

    def rent(self, spec: JobSpec, on_log: OnLog | None = None) -> AbstractContextManager[Lease]:
        """A lease for the time of a `with` block.

        Args:
            spec: the job that will run.
            on_log: told what becomes of the search for a host; the run's log if left out.
        """
        # Not above: SSH and HTTP take a second to import, which Dagster would wait for.
        from resources.gpu.factory import provider_of

        return provider_of(self, self.paths.state.gpu).rent(
            spec, on_log or dg.get_dagster_logger().info
        )


def gpu_from_environment(paths: Paths) -> Gpu:
    """The resource as environment variables describe it; training on this machine without any.

    Args:
        paths: the state folder.

    Raises:
        GpuSettingsError: a variable has a value that its field cannot have.
    """
    values: dict[str, Any] = {}
    for name in Gpu.model_fields:
        text = os.environ.get(variable_of(name), "").strip()
        if text and name != "paths":
            values[name] = text
    if "gpus" in values:
        values["gpus"] = [gpu.strip() for gpu in values["gpus"].split(",") if gpu.strip()]
    try:
        return Gpu(paths=paths, **values)
    except ValidationError as error:
        wrong = {variable_of(str(item["loc"][0])): item for item in error.errors()}
        told = [f"{name} is {item['input']!r}: {item['msg']}" for name, item in wrong.items()]
        raise GpuSettingsError(
            f"The environment describes a GPU that is not possible. {'; '.join(told)}.",
            f"Correct or unset {', '.join(wrong)}.",
        ) from None
    except dg.DagsterError as error:
        raise GpuSettingsError(
            f"The environment describes a GPU that is not possible. {error}",
            f"Correct the variables that begin with {VARIABLE}.",
        ) from error
