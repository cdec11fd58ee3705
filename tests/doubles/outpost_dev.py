"""`outpost dev`, as a user starts and stops it."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).parents[2]
LAUNCH = """
mutation($params: ExecutionParams!) { launchRun(executionParams: $params) { __typename
    ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }
"""


class OutpostDev:
    """A running server; what it prints is in `log`.

    Args:
        ignoring: signals that are ignored when it is started, as a shell has them in the
            background.
        python: has Outpost, if only in the folder in which it is started.
        folder: in which it is started.
    """

    def __init__(
        self,
        environment: Mapping[str, str],
        log: Path,
        ignoring: tuple[signal.Signals, ...] = (),
        *,
        python: Path = Path(sys.executable),
        folder: Path = ROOT,
    ) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.log = log
        self.process = subprocess.Popen(
            [str(python), "-m", "assets.cli.app", "dev", "--port", str(self.port)],
            env=dict(environment),
            cwd=folder,
            stdout=self.log.open("w"),
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=_ignoring(ignoring) if ignoring else None,
        )

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def wait_until_up(self, seconds: float = 480) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                if self.query("{ assetNodes { assetKey { path } } }")["assetNodes"]:
                    return
            except OSError:
                assert self.process.poll() is None, self.log.read_text()
            time.sleep(1)
        raise TimeoutError(self.log.read_text())

    def query(self, query: str, **variables: Any) -> dict[str, Any]:
        request = urllib.request.Request(
            f"{self.address}/graphql",
            data=json.dumps({"query": query, "variables": variables}).encode(),
            headers={"content-type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as reply:
            data: dict[str, Any] = json.load(reply)["data"]
        return data

    def launch(self, *assets: str, config: Mapping[str, Any] | None = None) -> str:
        """Materialize some assets; the run's id."""
        selector = {
            "repositoryLocationName": "outpost",
            "repositoryName": "__repository__",
            "jobName": "__ASSET_JOB",
            "assetSelection": [{"path": name.split("/")} for name in assets],
        }
        params = {"selector": selector, "mode": "default", "runConfigData": config or {}}
        launched = self.query(LAUNCH, params=params)["launchRun"]
        assert launched["__typename"] == "LaunchRunSuccess", launched
        return str(launched["run"]["runId"])

    def status(self, run_id: str) -> str:
        query = "query($run: ID!) { runOrError(runId: $run) { ... on Run { status } } }"
        return str(self.query(query, run=run_id)["runOrError"]["status"])

    def wait_for(self, condition: Callable[[], bool], seconds: float = 480) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.5)

    def stop(self, number: signal.Signals = signal.SIGINT, seconds: float = 180) -> None:
        """It ends by itself and nothing of it is left; if not, it is killed and this fails."""
        if self.process.poll() is not None:
            return
        family = [self._itself(), *self._itself().children(recursive=True)]
        self.process.send_signal(number)
        try:
            self.process.wait(seconds)
        finally:
            _, left = psutil.wait_procs(family, timeout=5)
            for process in left:
                process.kill()
        assert not left, left
        assert not listens(self.port)

    def _itself(self) -> psutil.Process:
        return psutil.Process(self.process.pid)


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _ignoring(numbers: tuple[signal.Signals, ...]) -> Callable[[], None]:
    def ignore() -> None:
        for number in numbers:
            signal.signal(number, signal.SIG_IGN)

    return ignore


def environment_of(home: Path) -> dict[str, str]:
    """For the built-in game in a state folder of its own."""
    return {**os.environ, "OUTPOST_HOME": str(home)}
