"""Who runs the steps of a run: chosen by configuration, built by Dagster.

`OUTPOST_EXECUTOR` is one of

- `multiprocess` (the default): each step in a process of its own on this machine;
- `in_process`: one after the other, for looking for faults;
- `celery`: on every machine where a `dagster-celery` worker serves the broker that
  `OUTPOST_BROKER` names (`docs/how-to/scale-out.md`).
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable
from typing import Any

import dagster as dg

from pipeline.errors import OutpostError
from resources.state import is_checkout

EXECUTOR_VARIABLE = "OUTPOST_EXECUTOR"
BROKER_VARIABLE = "OUTPOST_BROKER"
LONGEST_STEP_SECONDS = 24 * 3600
CELERY_SETTINGS: dict[str, Any] = {
    # A step whose worker was killed goes to another one. Dagster's own retries do not see that.
    "task_acks_late": True,
    "task_reject_on_worker_lost": True,
    "worker_prefetch_multiplier": 1,
    # Redis hands a step out again that nobody has finished in this time; its default is an hour,
    # and a training takes longer.
    "broker_transport_options": {"visibility_timeout": LONGEST_STEP_SECONDS},
    "result_backend_transport_options": {"visibility_timeout": LONGEST_STEP_SECONDS},
}
"""The same must stand in the workers' file, `celery.yaml`; a test compares the two."""


class ExecutorError(OutpostError):
    """An executor that does not exist or is not installed."""


def executor_from_environment() -> dg.ExecutorDefinition:
    """The executor that `OUTPOST_EXECUTOR` names.

    Raises:
        ExecutorError: there is none of that name, or it lacks a package or a broker.
    """
    name = os.environ.get(EXECUTOR_VARIABLE, "").strip() or "multiprocess"
    if name not in EXECUTORS:
        raise ExecutorError(
            f"{EXECUTOR_VARIABLE} is '{name}', and there is no such executor.",
            f"Set it to one of {', '.join(EXECUTORS)}.",
        )
    return EXECUTORS[name]()


def _celery() -> dg.ExecutorDefinition:
    if importlib.util.find_spec("dagster_celery") is None:
        command = (
            "uv sync --group celery" if is_checkout() else 'pip install "dagster-celery[redis]"'
        )
        raise ExecutorError(
            f"{EXECUTOR_VARIABLE} is 'celery', but dagster-celery is not installed.",
            f"Install it with `{command}`.",
        )
    if not os.environ.get(BROKER_VARIABLE):
        raise ExecutorError(
            f"{EXECUTOR_VARIABLE} is 'celery', but {BROKER_VARIABLE} names no broker.",
            f"Set {BROKER_VARIABLE}, for example to redis://localhost:6379/0.",
        )
    from dagster_celery import celery_executor

    broker = {"env": BROKER_VARIABLE}
    settings = {"broker": broker, "backend": broker, "config_source": CELERY_SETTINGS}
    configured: dg.ExecutorDefinition = celery_executor.configured(settings)
    return configured


EXECUTORS: dict[str, Callable[[], dg.ExecutorDefinition]] = {
    "multiprocess": lambda: dg.multiprocess_executor,
    "in_process": lambda: dg.in_process_executor,
    "celery": _celery,
}
