"""How long everything may take before something else is tried."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Pace:
    """Seconds.

    Attributes:
        poll: between two looks at a cloud or at a job.
        settle: a cloud's list may lag behind what it has done by so much.
        resolve: to find out whether a creation without an answer made a pod.
        place: to find a ready host, all offers together.
        boot: for one pod, from its creation to SSH; fetching the image takes most of it.
        direct: for a running pod to tell its address; some hosts never have one.
        login: for SSH to let the key in once its port is open.
        patience: without any connection, after which a host is lost.
        doubt: for a cloud to show that a host is gone on which something failed that never should.
        checkpoint: between two checkpoints that are fetched while it trains.
        finish: for the job to end in order when its time or its money is over.
        salvage: to bring what there is when something went wrong.
        end: to verify that a pod has ended.
        bill: for a cloud to tell what it has charged.
    """

    poll: float = 5.0
    settle: float = 60.0
    resolve: float = 180.0
    place: float = 2400.0
    boot: float = 900.0
    direct: float = 120.0
    login: float = 90.0
    patience: float = 240.0
    doubt: float = 30.0
    checkpoint: float = 300.0
    finish: float = 300.0
    salvage: float = 150.0
    end: float = 300.0
    bill: float = 10.0
