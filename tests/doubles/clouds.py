"""What the doubles of the two clouds share: pods, their bills, and how a cloud fails to tell."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar

from doubles.pods import FakePod, Pace
from doubles.servers import Double
from doubles.shapes import Shapes

_Cloud = TypeVar("_Cloud", bound="CloudDouble")


class CloudDouble(Double):
    """A cloud with pods.

    Attributes:
        key: the account's API key.
        pods: all that ever were, by id; ended ones remain.
        without_capacity: names of GPUs, or of places, that are refused.
        refusals: how many of the next candidates are refused for lack of capacity.
        get_lag: how many times a new pod is not found yet (404), by get and by delete, each.
        list_lag: how many lists a new pod is missing in.
        delete_lag: how many times (get and list together) an ended pod is still shown.
        delete_does_nothing: success is answered, and the pod runs on.
        pods_fail: new pods end in an error instead of running.
        cost_factor: between the catalogue's price and the one that a pod turns out to have.
        pace: of new pods on their way to running.
        programs: name -> script; in front of the machine's own programs on every new pod.
    """

    def __init__(self, folder: Path, shapes: Shapes) -> None:
        super().__init__(shapes)
        self.folder = folder
        self.key = f"secret_{secrets.token_hex(16)}"
        self.pods: dict[str, FakePod] = {}
        self.without_capacity: set[str] = set()
        self.refusals = 0
        self.get_lag = 0
        self.list_lag = 0
        self.delete_lag = 0
        self.delete_does_nothing = False
        self.pods_fail = False
        self.cost_factor = 1.0
        self.pace = Pace()
        self.programs: dict[str, str] = {}
        self._lags: dict[str, dict[str, int]] = {}

    @property
    def alive(self) -> list[FakePod]:
        """Pods that are billed, foreign ones among them."""
        return [pod for pod in self.pods.values() if pod.alive]

    @property
    def owned(self) -> list[FakePod]:
        """Pods that are billed and were asked for over the API."""
        return [pod for pod in self.alive if not pod.foreign]

    @property
    def billed_seconds(self) -> float:
        """Of all pods that are not foreign."""
        return sum(pod.billed_seconds for pod in self.pods.values() if not pod.foreign)

    @property
    def usd(self) -> float:
        """What all pods that are not foreign have cost."""
        return sum(pod.usd for pod in self.pods.values() if not pod.foreign)

    def named(self, name: str) -> FakePod:
        """The only pod of this name, alive or not."""
        (pod,) = [pod for pod in self.pods.values() if pod.name == name]
        return pod

    def newest(self) -> FakePod:
        """The pod that was created last."""
        return [pod for pod in self.pods.values() if not pod.foreign][-1]

    def vanish(self, pod_id: str) -> None:
        """The pod is gone, as when its host dies; it is not billed any more."""
        self.pods[pod_id].end()

    def close(self) -> None:
        super().close()
        for pod in self.pods.values():
            pod.end()

    def keep(self, pod: FakePod) -> None:
        """Have a new pod, which may not be told of at once."""
        lags = {"get": self.get_lag, "delete": self.get_lag, "list": self.list_lag}
        with self.lock:
            self.pods[pod.id] = pod
            self._lags[pod.id] = {} if pod.foreign else lags

    def end(self, pod: FakePod) -> None:
        """End a pod as the API does, which may not be told of at once."""
        pod.end()
        with self.lock:
            self._lags[pod.id] = {"ended": self.delete_lag}

    def found(self, pod_id: str, operation: str) -> FakePod | None:
        """A pod as one look at the API finds it; ended ones while their end is not told."""
        pod = self.pods.get(pod_id)
        with self.lock:
            if pod is None:
                return None
            if pod.alive:
                return None if self._lagging(pod, operation) else pod
            return pod if self._lagging(pod, "ended") else None

    def listed(self) -> list[FakePod]:
        """The pods as one look at the list shows them."""
        found = (self.found(pod_id, "list") for pod_id in list(self.pods))
        return [pod for pod in found if pod is not None]

    def full(self, wanted: Iterable[str]) -> bool:
        """Whether a candidate is refused for lack of capacity."""
        with self.lock:
            if self.refusals > 0:
                self.refusals -= 1
                return True
        return not self.without_capacity.isdisjoint(wanted)

    def _lagging(self, pod: FakePod, what: str) -> bool:
        left = self._lags[pod.id].get(what, 0)
        self._lags[pod.id][what] = max(0, left - 1)
        return left > 0
