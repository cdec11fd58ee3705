"""Hosts that are rented from a cloud: found, followed, replaced once when lost, and ended."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import OutpostError
from pipeline.files import write_json
from pipeline.jobs.checkpoints import prepare_to_resume
from pipeline.jobs.environment import HOST_FILE
from pipeline.jobs.events import EpochEvent, JobEvent, OnEvent, OnLog, ignore
from pipeline.jobs.failures import JobFailedError
from pipeline.jobs.spec import JobSpec
from resources.gpu.clouds.base import CloudUnavailableError, GpuRequest, NoCapacityError
from resources.gpu.hosts.host_keys import HostKeyError, SshError
from resources.gpu.hosts.ssh import HostLostError, SshLoginError
from resources.gpu.hosts.transfer import TransferError
from resources.gpu.hosts.workspace import HostUnfitError, RemoteWorkspace
from resources.gpu.lease import Host
from resources.gpu.leases.charges import bill_of, reconcile
from resources.gpu.leases.follow import JobFollower, RemoteJob
from resources.gpu.leases.ledger import LeaseRow, LeaseState
from resources.gpu.leases.pod import PodLease, PodTerms, ReadyPod, retry_while
from resources.gpu.signals import interruptible, require_a_parent, shielded, with_time_limit

LEASES_A_JOB = 2
LOST = (HostLostError, SshLoginError, HostKeyError)
"""What only another host helps against, once this one had been ready."""
DOUBTFUL = (SshError, TransferError, JobFailedError)
"""What may be the way in which a host shows that it is being taken down."""


class NoHostError(OutpostError):
    """No offer led to a host on which a job could run."""


class BudgetSpentError(JobFailedError):
    """The lease's time or budget was used up before the job ended."""


@dataclass(frozen=True)
class RentedProvider:
    """Rents hosts from a cloud.

    Attributes:
        terms: what every pod gets, and what it may cost.
        gpu_request: which GPUs would do, best first.
    """

    terms: PodTerms
    gpu_request: GpuRequest

    @contextmanager
    def rent(self, spec: JobSpec, on_log: OnLog = ignore) -> Iterator[RentedLease]:
        """Lease a host that is ready for the job; its end is verified, whatever happens.

        Raises:
            NoHostError: no offer led to one.
            EndNotVerifiedError: a pod may still be billed.
        """
        lease = RentedLease(self, spec, on_log)
        with interruptible():
            try:
                lease.acquire()
                yield lease
            finally:
                with shielded():
                    lease.end("the job is over")


class RentedLease:
    """A host at a time, for one job."""

    def __init__(self, provider: RentedProvider, spec: JobSpec, on_log: OnLog) -> None:
        """Nothing is rented yet."""
        self.terms, self.gpu_request = provider.terms, provider.gpu_request
        self.spec, self.on_log = spec, on_log
        self.pods: list[ReadyPod] = []
        self._begun: list[PodLease] = []
        self.outputs: Path | None = None
        self._asked_to_finish = False
        self._epoch_seconds = 0.0

    @property
    def host(self) -> Host:
        """The host of the moment."""
        pod = self._pod
        row = pod.lease.known
        return Host(row.provider, f"{pod.environment.gpu} ({row.pod_id})", row.usd_per_hour)

    def acquire(self) -> None:
        """Go through the offers until there is a host that is ready.

        Raises:
            NoHostError: there is none.
            CloudError: the cloud refuses whatever is asked for.
        """
        timeouts, cloud = self.terms.timeouts, self.terms.cloud
        gives_up = time.monotonic() + timeouts.placement
        offers = retry_while(
            CloudUnavailableError, lambda: cloud.offers(self.gpu_request), timeouts
        )
        refused = []
        for offer in offers:
            what = " ".join(filter(None, (offer.gpu, offer.tier, offer.region)))
            if time.monotonic() > gives_up:
                refused.append(f"{what}: not tried, it took too long")
                continue
            if offer.usd_per_hour > self.gpu_request.max_usd_per_hour:
                refused.append(f"{what}: ${offer.usd_per_hour:.2f} an hour")
                continue
            reason = self._try(PodLease(self.terms, offer, self.spec.requirements), what)
            if reason is None:
                return
            self.on_log(f"{what}: {reason}")
            refused.append(f"{what}: {reason}")
        raise NoHostError(
            f"No host was available on {cloud.name}. "
            + ("; ".join(refused) or "There are no offers for what was asked for."),
            "Name more GPUs, allow a higher price or another tier, or try again later. "
            "`outpost gpu doctor` shows what is available.",
        )

    def run(self, job: Path, on_event: OnEvent = ignore, on_log: OnLog = ignore) -> Path:
        """Run a job; see `resources.gpu.lease.Lease`. A lost host is replaced once.

        Raises:
            JobFailedError: the job failed, or the budget was spent.
            EndNotVerifiedError: a lost host may still be billed.
        """
        remote_job = RemoteJob(self.spec, job, self._learning(on_event), on_log)
        remote_job.outputs.mkdir(exist_ok=True)
        self.outputs = remote_job.outputs
        while True:
            follower = JobFollower(self._pod.workspace, remote_job, self.terms.timeouts)
            try:
                return self._follow(follower)
            except LOST as error:
                self._replace(error, remote_job)

    def end(self, note: str) -> None:
        """End whatever has not ended yet, and write the bill."""
        try:
            for pod in self._begun:
                if not pod.has_ended:
                    pod.end(note)
        finally:
            self._write_bill()

    @property
    def _pod(self) -> ReadyPod:
        return self.pods[-1]

    def _try(self, pod: PodLease, what: str) -> str | None:
        """Make a pod ready; else it is ended, and the reason returned."""
        self._begun.append(pod)
        try:
            row = pod.known
            minutes = (row.expires_at - row.created_at) / 60
            self.on_log(
                f"Asking {row.provider} for {what} at ${row.usd_per_hour:.2f} an hour, for at most "
                f"${row.max_usd:.2f} and {minutes:.0f} minutes."
            )
            ready = pod.get_ready(self.on_log)
        except (NoCapacityError, HostUnfitError) as error:
            with shielded():
                pod.end(error.problem)
            return error.problem
        except BaseException as error:
            with shielded():
                pod.end(f"{type(error).__name__} while it was made ready")
            raise
        self.pods.append(ready)
        return None

    def _follow(self, follower: JobFollower) -> Path:
        """Run the job on the host of the moment; what it has made is here if that fails.

        Raises:
            HostLostError, SshLoginError, HostKeyError: the host was lost, however that showed.
        """
        try:
            write_json(self._outputs / HOST_FILE, self._pod.record)
            try:
                return follower.run(self._on_poll)
            except BudgetSpentError:
                raise
            except DOUBTFUL as error:
                # A job that ended by itself is believed unless its host is known to be gone.
                believed = isinstance(error, JobFailedError) and not error.was_killed
                self._pod.raise_if_lost(0.0 if believed else self.terms.timeouts.doubt)
                raise
        except LOST:
            raise
        except BaseException:
            with shielded():
                self._rescue(follower)
            raise

    def _on_poll(self, workspace: RemoteWorkspace) -> None:
        """End the job in order while there is still money for it."""
        require_a_parent()
        timeouts, seconds_left = self.terms.timeouts, self._pod.lease.seconds_left()
        if seconds_left < timeouts.rescue:
            raise self._budget_spent()
        to_finish = self._epoch_seconds + timeouts.finish
        if seconds_left < timeouts.rescue + to_finish and not self._asked_to_finish:
            self._asked_to_finish = True
            self.on_log("The budget is nearly spent: the job ends after this epoch.")
            workspace.ask_to_finish()

    def _learning(self, on_event: OnEvent) -> OnEvent:
        """A listener that also remembers how long an epoch takes."""

        def listen(event: JobEvent) -> None:
            if isinstance(event, EpochEvent) and event.epoch_seconds is not None:
                self._epoch_seconds = event.epoch_seconds
            on_event(event)

        return listen

    def _budget_spent(self) -> BudgetSpentError:
        return BudgetSpentError(
            "The lease's time or budget was used up before the job ended.",
            "Raise max_usd_per_lease or ttl_hours. What was saved is in "
            f"{self._outputs}: resume from its checkpoint.pt.",
        )

    def _replace(self, error: OutpostError, remote_job: RemoteJob) -> None:
        """End a lost host and go on with another one, unless its time was over."""
        self.on_log(f"{error.problem} The host is given up.")
        was_over = self._pod.lease.seconds_left() < self.terms.timeouts.rescue
        with shielded():
            self._pod.lease.end(error.problem)
        if was_over:
            # As after a laptop has slept: the pod has ended itself.
            raise self._budget_spent() from error
        if len(self.pods) >= LEASES_A_JOB:
            raise JobFailedError(
                f"{LEASES_A_JOB} hosts were lost. The last one: {error.problem}",
                f"Run it again later. What it had made is in {remote_job.outputs}.",
            ) from error
        self.on_log(prepare_to_resume(remote_job.job.parent))
        self._asked_to_finish = False
        self.acquire()

    def _rescue(self, follower: JobFollower) -> None:
        """Bring what there is, within a bound; what goes wrong with it hides nothing else."""
        if follower.has_ended:
            return
        workspace = follower.workspace
        workspace.host.close()
        with_time_limit(follower.rescue_outputs, self.terms.timeouts.rescue)
        workspace.host.close()

    @property
    def _outputs(self) -> Path:
        assert self.outputs is not None
        return self.outputs

    def _write_bill(self) -> None:
        if self.outputs is not None and self.pods:
            terms = self.terms
            with_time_limit(
                lambda: reconcile(terms.cloud, terms.ledger, self._rented()), terms.timeouts.billing
            )
            gpu, now = self._pod.environment.gpu, terms.ledger.clock()
            bill_of(self._rented(), gpu, now).write_if_possible(self.outputs, self.on_log)

    def _rented(self) -> list[LeaseRow]:
        """All leases that cost something, those of hosts that were of no use among them."""
        rows = [pod.read_row() for pod in self._begun]
        return [row for row in rows if row.state is not LeaseState.NOT_CREATED]
