"""What those who run a job have to know of it, whatever it computes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version as installed_version

from pipeline.jobs.events import EVENT_TYPES, JobEvent
from pipeline.jobs.program.constants import CHECKPOINT_FILE


@dataclass(frozen=True)
class JobSpec:
    """One kind of job, as hosts and those who follow it see it.

    Attributes:
        name: in messages: "The training failed".
        requirements: version by distribution, beside torch, which a host must bring itself.
        event_types: class by the `event` of a line in the events.
        large_outputs: names of files that are fetched only when the job has done all its work.
        memory_fix: what to do where memory ran out.
    """

    name: str
    requirements: Mapping[str, str]
    event_types: Mapping[str, type[JobEvent]] = field(default_factory=lambda: EVENT_TYPES)
    large_outputs: tuple[str, ...] = (CHECKPOINT_FILE,)
    memory_fix: str = "Use a host with more memory, or close other programs."


def pinned(distributions: Iterable[str]) -> dict[str, str]:
    """Distributions in the versions that are installed here, so that a host computes the same."""
    return {name: installed_version(name) for name in distributions}
