"""Parts of `outpost dev` that need no server: its port, ending runs, ending a session."""

import os
import signal
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import httpx
import pytest
from dagster import DagsterRun, DagsterRunStatus
from dagster._core.remote_origin import GrpcServerCodeLocationOrigin, RemoteRepositoryOrigin

from assets.operations import dev
from assets.operations.dev import DevServer, HostError, PortTakenError, require_free_port
from assets.operations.run_news import RunNews
from resources.instance import open_instance
from resources.state import StateFolder


@pytest.fixture
def server(tmp_path: Path) -> DevServer:
    return DevServer(StateFolder(tmp_path), "127.0.0.1", 3000)


@pytest.fixture
def instance(server: DevServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    monkeypatch.setenv("DAGSTER_HOME", "")
    with open_instance(server.state) as instance:
        yield instance


class Terminations:
    """Dagster's answer to a request to terminate a run."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        self.instance = instance
        self.asked: list[str] = []
        self.lost_requests = 0

    def post(self, _url: str, json: dict[str, Any], **_: object) -> None:
        run_id = json["variables"]["run"]
        self.asked.append(run_id)
        if self.lost_requests:
            self.lost_requests -= 1
            raise httpx.ReadTimeout("too slow")
        run = self.instance.get_run_by_id(run_id)
        assert run is not None
        if run.status in (DagsterRunStatus.QUEUED, DagsterRunStatus.STARTED):
            self.instance.report_run_canceled(run)


@pytest.fixture
def terminations(instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch) -> Terminations:
    terminations = Terminations(instance)
    monkeypatch.setattr("httpx.post", terminations.post)
    return terminations


def add_run(instance: dg.DagsterInstance, status: DagsterRunStatus) -> str:
    location = GrpcServerCodeLocationOrigin(host="localhost", port=1)
    origin = RemoteRepositoryOrigin(location, "repository").get_job_origin("job")
    run = DagsterRun(job_name="job", status=status, remote_job_origin=origin)
    return instance.add_run(run).run_id


def end_runs(server: DevServer, instance: dg.DagsterInstance) -> list[str]:
    told: list[str] = []
    server._end_runs(RunNews(instance, server.address), threading.Event(), told.append)
    return told


def test_queued_runs_are_ended_before_those_that_hold_their_place(
    server: DevServer, instance: dg.DagsterInstance, terminations: Terminations
) -> None:
    started, queued = (
        add_run(instance, status) for status in (DagsterRunStatus.STARTED, DagsterRunStatus.QUEUED)
    )

    told = end_runs(server, instance)

    assert terminations.asked == [queued, started]
    assert f"Run {queued[:8]} was queued: job" in told


def test_a_request_that_is_lost_keeps_no_other_run_going(
    server: DevServer, instance: dg.DagsterInstance, terminations: Terminations
) -> None:
    runs = {add_run(instance, DagsterRunStatus.STARTED) for _ in range(2)}
    terminations.lost_requests = 1

    end_runs(server, instance)

    assert set(terminations.asked[:2]) == runs, "the second is asked before the first again"
    assert {instance.get_run_by_id(run).status for run in runs} == {DagsterRunStatus.CANCELED}  # type: ignore[union-attr]


def test_a_run_that_was_never_submitted_is_not_waited_for(
    server: DevServer, instance: dg.DagsterInstance, terminations: Terminations
) -> None:
    add_run(instance, DagsterRunStatus.NOT_STARTED)

    assert end_runs(server, instance) == []
    assert terminations.asked == []


@pytest.mark.parametrize(
    ("family", "host"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::")]
)
def test_a_port_that_is_taken_is_found_out_on_any_address(
    family: socket.AddressFamily, host: str
) -> None:
    with socket.socket(family) as taken:
        try:
            taken.bind((host, 0))
        except OSError:
            pytest.skip(f"this machine has no {host}")
        port = taken.getsockname()[1]
        require_free_port(host, port)
        taken.listen()
        with pytest.raises(PortTakenError, match=str(port)):
            require_free_port(host, port)


@pytest.mark.parametrize("host", ["256.1.1.1", "192.0.2.1", "no host", "x" * 70])
def test_a_host_that_is_not_this_computer_is_told_before_anything_starts(host: str) -> None:
    with pytest.raises(HostError, match=r"0\.0\.0\.0 for all"):
        require_free_port(host, 3000)


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("127.0.0.1", "http://127.0.0.1:80"),
        ("0.0.0.0", "http://127.0.0.1:80"),
        ("::", "http://[::1]:80"),
        ("::1", "http://[::1]:80"),
    ],
)
def test_the_address_can_be_opened(host: str, address: str, tmp_path: Path) -> None:
    assert DevServer(StateFolder(tmp_path), host, 80).address == address


@pytest.mark.skipif(os.name == "nt", reason="has no process groups")
def test_a_session_of_zombies_is_an_ended_one(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[int] = []

    def refuse(_group: int, number: int) -> None:
        sent.append(number)
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr("os.killpg", refuse)

    dev._end_session(1)

    assert sent == [signal.SIGTERM, signal.SIGKILL]
