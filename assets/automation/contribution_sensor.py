"""The sensor that watches what players send, and has it read, one install at a time.

A tick looks at some installs, in a circle: at each with one listing, whose digest changes when a
file comes or goes. No image is read for that. What has changed is read by a run of `staged_crops`,
for each install at most every half an hour, and a few in each tick: however much one install sends,
the others have their turn; so they have where one cannot be listed. An install that is not listed
any more has removed what it sent; a run takes note of it, and the install is forgotten here. One
whose partition somebody has deleted is read again: `outpost community withdraw` is what leaves an
install out.
"""

import time
from collections.abc import Callable, Iterator, Sequence, Set
from dataclasses import dataclass, field
from uuid import UUID

import dagster as dg
from pydantic import BaseModel, ValidationError

from assets.core.keys import GameKeys
from assets.core.runs import UNFINISHED
from pipeline.community.receiving.refusals import ReceivingLimits
from pipeline.community.receiving.staged_files import stamp_of
from pipeline.games.pack import GamePack
from resources.contributions import Contributions
from resources.contributions.staging import StagedInstalls, StagingPlace
from resources.object_store.base import ObjectStoreBusyError, ObjectStoreError

REQUEST_TAG = "outpost/contribution_request"
"""On runs that the sensor asked for: the key of the request."""
MOST_CONTRIBUTORS = 10_000
"""Of a game: more partitions than that make Dagster slow."""
INSTALLS_A_TICK = 200
SECONDS_A_TICK = 20.0
RUNS_A_TICK = 10
REST_SECONDS = 1800
"""Between two readings of one install."""
MOST_PATIENCE = 3600
"""Seconds for which nothing is asked, where a store wants to be left alone."""
MOST_FAILURES = 3
"""Runs for the same files, before they are left until something changes."""
STAMP_DIGITS = 16


class SeenInstall(BaseModel):
    """What is known of an install: its listing when it was last read, and what became of that."""

    stamp: str
    at: int
    """When the run was requested, in seconds since 1970."""
    request: str = ""
    """The key of the run, until it has ended."""
    failures: int = 0


class ContributionMemory(BaseModel):
    """What the sensor remembers between ticks."""

    position: str = ""
    """The install that was looked at last."""
    seen: dict[str, SeenInstall] = {}
    not_before: int = 0
    """When a store that wants to be left alone may be asked again, in seconds since 1970."""


def contribution_sensor(
    pack: GamePack, clock: Callable[[], float] = time.time
) -> dg.SensorDefinition:
    """Watches what players send of a game; off until somebody turns it on."""
    keys = GameKeys.of(pack)

    @dg.sensor(
        name=f"{pack.name}_contribution_sensor",
        target=dg.AssetSelection.assets(keys.staged_crops),
        minimum_interval_seconds=30,
        description=f"Reads what players of {pack.title} have contributed, a few installs at a "
        "time. Installs that were withdrawn are left out.",
    )
    def sense(context: dg.SensorEvaluationContext, contributions: Contributions) -> dg.SensorResult:
        memory, now = _remembered(context.cursor), int(clock())
        if now < memory.not_before <= now + MOST_PATIENCE:
            reason = f"Contributions are looked at again in {memory.not_before - now} seconds."
            return dg.SensorResult(skip_reason=reason, cursor=context.cursor)
        staging = contributions.staging(pack.name)
        withdrawn = contributions.withdrawals(pack.name).read().installs
        look = _Look(context.instance, staging, keys, memory, withdrawn, now)
        try:
            return look.result()
        except ObjectStoreError as error:
            reason = look.put_off(error)
            return dg.SensorResult(skip_reason=reason, cursor=memory.model_dump_json())

    return sense


def _remembered(cursor: str | None) -> ContributionMemory:
    """Nothing where the cursor is empty or damaged: reading the same again changes nothing."""
    try:
        return ContributionMemory.model_validate_json(cursor or "{}")
    except ValidationError:
        return ContributionMemory()


@dataclass
class _Look:
    """One tick."""

    instance: dg.DagsterInstance
    staging: StagingPlace
    keys: GameKeys
    memory: ContributionMemory
    withdrawn: frozenset[str]
    now: int
    limits: ReceivingLimits = field(default_factory=ReceivingLimits)
    notes: list[str] = field(default_factory=list)
    partitions: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        name = self.keys.contributors.name
        assert name is not None
        self.partitions = frozenset(self.instance.get_dynamic_partitions(name))

    def result(self) -> dg.SensorResult:
        """What is to be read now; else why nothing is."""
        found = self.staging.installs()
        installs = self._in_turn(found)
        requests: list[dg.RunRequest] = []
        ends = time.monotonic() + SECONDS_A_TICK
        for install in installs[:INSTALLS_A_TICK]:
            self.memory.position = install
            self._note_end(install)
            try:
                stamp = self._new_stamp(install)
            except ObjectStoreError as error:
                # The next tick goes on with those after it: one alone stops nobody else.
                self.notes.append(self.put_off(error))
                break
            if stamp is not None:
                requests.append(self._request(install, stamp))
            if len(requests) == RUNS_A_TICK or time.monotonic() > ends:
                break
        cursor = self.memory.model_dump_json()
        if not requests:
            reason = " ".join([*self._in_words(found, installs), *self.notes])
            return dg.SensorResult(skip_reason=reason, cursor=cursor)
        partitions = [str(request.partition_key) for request in requests]
        return dg.SensorResult(
            run_requests=requests,
            dynamic_partitions_requests=[self.keys.contributors.build_add_request(partitions)],
            cursor=cursor,
        )

    def put_off(self, error: ObjectStoreError) -> str:
        """Why nothing more is read now; a store that wants to be left alone is."""
        if isinstance(error, ObjectStoreBusyError):
            self.memory.not_before = self.now + min(int(error.seconds), MOST_PATIENCE)
        return f"{error.problem} {error.fix}"

    def _in_turn(self, found: StagedInstalls) -> Sequence[str]:
        """All installs, beginning with the one after the last that was looked at."""
        listed = {str(install) for install in found.installs}
        if not listed:
            # A disk or a drive that is away looks as if everybody had removed everything.
            return ()
        self._forget_those_gone(listed)
        known = self.memory.seen.keys() - self.withdrawn
        new = sorted(listed - known - self.withdrawn)[: max(0, MOST_CONTRIBUTORS - len(known))]
        every = sorted({*known, *new})
        later = [install for install in every if install > self.memory.position]
        return [*later, *(install for install in every if install <= self.memory.position)]

    def _forget_those_gone(self, listed: Set[str]) -> None:
        """Those of whom it was read that they have nothing here: others may take their places."""
        nothing = stamp_of((), self.limits)[:STAMP_DIGITS]
        gone = [
            install
            for install, seen in self.memory.seen.items()
            if install not in listed
            and (seen.stamp, seen.request, seen.failures) == (nothing, "", 0)
        ]
        for install in gone:
            del self.memory.seen[install]

    def _new_stamp(self, install: str) -> str | None:
        """The stamp of an install's files, if they are to be read now."""
        seen = self.memory.seen.get(install)
        if seen is not None and (seen.request or self.now < seen.at + REST_SECONDS):
            return None
        files = self.staging.files(UUID(install), self.limits.files + 1)
        stamp = stamp_of(files, self.limits)[:STAMP_DIGITS]
        is_same = seen is not None and seen.stamp == stamp and install in self.partitions
        if is_same and seen is not None and not 0 < seen.failures < MOST_FAILURES:
            return None
        return stamp

    def _request(self, install: str, stamp: str) -> dg.RunRequest:
        seen = self.memory.seen.get(install)
        failures = seen.failures if seen is not None and seen.stamp == stamp else 0
        request = f"{install}-{stamp}-{self.now}"
        self.memory.seen[install] = SeenInstall(
            stamp=stamp, at=self.now, request=request, failures=failures
        )
        return dg.RunRequest(
            run_key=request,
            partition_key=install,
            asset_selection=[self.keys.staged_crops],
            tags={REQUEST_TAG: request},
        )

    def _in_words(self, found: StagedInstalls, installs: Sequence[str]) -> Iterator[str]:
        """Why nothing is read, and what somebody should look at."""
        listed = {str(install) for install in found.installs}
        if listed:
            yield f"Nothing is to be read of {len(installs)} contributors."
        elif self.memory.seen:
            yield (
                f"There is nothing in {self.staging.place} now, where there were contributions "
                f"of {len(self.memory.seen)} players. If it is only away, bring it back."
            )
        else:
            yield "Nobody has sent anything yet."
        if found.others:
            yield f"{found.others} folders have a name that is no install's, and are not read."
        too_many = listed - self.withdrawn - {*installs}
        if too_many:
            yield (
                f"Of {len(listed)} contributors {len(too_many)} are not read, because no more than "
                f"{MOST_CONTRIBUTORS} are: somebody may be inventing them. Delete the folders of "
                f"those that are not real in {self.staging.place}, or withdraw them: others are "
                "read in their place."
            )

    def _note_end(self, install: str) -> None:
        """Take note of a run that has ended since."""
        seen = self.memory.seen.get(install)
        if seen is None or not seen.request:
            return
        wanted = dg.RunsFilter(tags={REQUEST_TAG: seen.request})
        records = self.instance.get_run_records(wanted, limit=1)
        run = records[0].dagster_run if records else None
        if run is None and self.now < seen.at + REST_SECONDS:
            return  # It has not been launched yet.
        if run is not None and run.status in UNFINISHED:
            return
        succeeded = run is not None and run.status is dg.DagsterRunStatus.SUCCESS
        failures = 0 if succeeded else seen.failures + 1
        self.memory.seen[install] = seen.model_copy(update={"request": "", "failures": failures})
        if run is not None and failures == MOST_FAILURES:
            self.notes.append(
                f"What {install} has sent could not be read {failures} times, last in run "
                f"{run.run_id}; it is left until something changes."
            )
