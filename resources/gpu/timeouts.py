"""How long everything may take before something else is tried."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Timeouts:
    """Seconds.

    Attributes:
        poll_interval: between two polls of a cloud or at a job.
        list_lag: a cloud's list may lag behind what it has done by so much.
        create_resolution: to find out whether a creation without an answer made a pod.
        placement: to find a ready host, all offers together.
        boot: for one pod, from its creation until its address is told; fetching the container image
            takes most of it.
        address: for a running pod to tell its address; some hosts never have one.
        login: for SSH to answer and to let the key in, once the address is told.
        reconnect: without any connection, after which a host is lost.
        doubt: for a cloud to show that a host is gone on which something failed that never should.
        checkpoint_interval: between two checkpoints that are fetched while it trains.
        finish: for the job to end in order when its time or its budget is used up.
        rescue: to bring what there is when something went wrong.
        termination: to verify that a pod has ended.
        billing: for a cloud to tell what it has charged.
    """

    poll_interval: float = 5.0
    list_lag: float = 60.0
    create_resolution: float = 180.0
    placement: float = 2400.0
    boot: float = 900.0
    address: float = 120.0
    login: float = 90.0
    reconnect: float = 240.0
    doubt: float = 30.0
    checkpoint_interval: float = 300.0
    finish: float = 300.0
    rescue: float = 150.0
    termination: float = 300.0
    billing: float = 10.0
