"""`outpost dev`: prepares everything, starts Dagster, tells what happens, and ends all of it.

What is started is `dg dev`, Dagster's way to start web server, daemon and code server together;
its own `dagster dev` prints that it is superseded. `-w` names the workspace, so `dg` needs no
`[tool.dg]` in pyproject.toml and looks for no project.
"""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from dagster import DagsterRunStatus
from rich.console import Console

from assets.core.building import reporter
from assets.core.runs import register_batches
from assets.core.terminal import progress_shown
from assets.definitions import games_served
from assets.operations.run_news import SHORT, RunNews
from pipeline.demo_game.captures import write_export_batches
from pipeline.errors import OutpostError
from pipeline.games.pack import load_pack
from pipeline.progress import seconds_in_words
from resources.defaults import Resources
from resources.instance import open_instance
from resources.state import STATE_VARIABLE, StateFolder, project_file

Tell = Callable[[str], None]
POSIX = os.name != "nt"
EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}
"""Addresses that are listened on, and cannot be opened."""
SECONDS_TO_CONNECT = 2.0
SECONDS_BETWEEN_LOOKS = 1.0
SECONDS_TO_END_RUNS = 120.0
"""As long as `cancel_timeout_seconds` in dagster.yaml: a training fetches its newest checkpoint."""
SECONDS_TO_END = 75.0
"""Dagster itself waits up to 60 seconds for each of its services."""
SECONDS_TO_KILL = 20.0
SECONDS_TO_START = 300.0
LAST_LINES = 20
COLOURS = re.compile(r"\x1b\[[0-9;]*m")
ALARM = re.compile(r"\b(WARNING|ERROR|CRITICAL)\b|Warning: |^Traceback ")
TERMINATE = "mutation($run: String!) { terminateRun(runId: $run) { __typename } }"


class PortTakenError(OutpostError):
    """Something else listens where the UI should."""


class HostError(OutpostError):
    """Nothing on this computer can listen there."""


class ServerEndedError(OutpostError):
    """Dagster ended by itself."""


def require_free_port(host: str, port: int) -> None:
    """Find out before anything is started.

    Raises:
        HostError: the host is no address of this computer.
        PortTakenError: the port is taken.
    """
    try:
        family, *_, address = socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM)[0]
        with socket.socket(family) as probe:
            probe.bind(address)
    except (OSError, UnicodeError) as error:  # UnicodeError: a name that no host can have.
        raise HostError(
            f"Nothing can listen on '{host}': {error}.",
            "Name an address of this computer: 127.0.0.1 for itself alone, 0.0.0.0 for all.",
        ) from error
    try:
        socket.create_connection((host, port), SECONDS_TO_CONNECT).close()
    except OSError:
        return
    raise PortTakenError(
        f"Something listens on {host}:{port} already.",
        f"Open it if it is Outpost, or choose another: outpost dev --port {port + 1}",
    )


def prepare_to_serve(resources: Resources, host: str, port: int) -> "DevServer":
    """Prepare the instance and the exports folders for a server, which is not started yet.

    Raises:
        StateFolderError: the state folder cannot be written.
        PackError: a game that is to be served has no pack that can be read.
    """
    state, exports = resources.state, resources.exports
    with open_instance(state) as instance:
        for game in games_served():
            pack = load_pack(game)
            exports.path(pack.name).mkdir(parents=True, exist_ok=True)
            if pack.drawn:
                with progress_shown(Console()):
                    write_export_batches(exports.path(pack.name), reporter())
            register_batches(instance, pack, exports, resources.artifacts.store)
    return DevServer(state, host, port)


@dataclass(frozen=True)
class DevServer:
    """Dagster as `outpost dev` runs it: in the state folder, with its output in a file.

    It runs in the state folder because it would warn of a `dagster.yaml` in the repository. On
    POSIX it gets a session of its own, so that Ctrl-C reaches it once, through here, whoever sends
    it; a second interrupt would make it leave its own children behind.
    """

    state: StateFolder
    host: str
    port: int

    @property
    def address(self) -> str:
        """To open on this machine."""
        host = EVERYWHERE.get(self.host, self.host)
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"

    @property
    def log(self) -> Path:
        return self.state.instance / "dev.log"

    def run(self, tell: Tell) -> None:
        """Serve until SIGINT, SIGTERM or SIGHUP; then end the runs that go on, and all processes.

        Args:
            tell: shows a line to the person in front of the terminal.

        Raises:
            ServerEndedError: Dagster ended by itself.
        """
        began = time.monotonic()
        with _told_to_end() as end, self._started() as process:
            readings = _Alarms(self.log)
            if not self._wait_until_up(process, end):
                return
            tell(f"Ready after {seconds_in_words(time.monotonic() - began)}: {self.address}")
            tell("Ctrl-C ends it, and the runs that go on.")
            with open_instance(self.state) as instance:
                news = RunNews(instance, self.address)
                while process.poll() is None and not end.wait(SECONDS_BETWEEN_LOOKS):
                    for line in (*news.lines(), *readings.lines()):
                        tell(line)
                if end.is_set():
                    end.clear()
                    self._end_runs(news, end, tell)
            if process.poll() is not None:
                raise self._ended(process)
            tell("Stopping Dagster ...")
        tell("Stopped; nothing runs any more.")

    @contextmanager
    def _started(self) -> Iterator[subprocess.Popen[bytes]]:
        command = [
            *(sys.executable, "-m", "dagster_dg_cli.cli", "dev"),
            *("-w", str(project_file("workspace.yaml"))),
            *("-h", self.host, "-p", str(self.port), "--log-level", "warning"),
        ]
        state = {STATE_VARIABLE: str(self.state.root), "DAGSTER_HOME": str(self.state.instance)}
        with self.log.open("wb") as log:
            process = subprocess.Popen(
                command,
                env={**os.environ, **state},
                cwd=self.state.root,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=POSIX,
            )
        try:
            yield process
        finally:
            _end(process)

    def _wait_until_up(self, process: subprocess.Popen[bytes], end: threading.Event) -> bool:
        """Whether the UI answers; False when told to end before.

        Raises:
            ServerEndedError: it never will.
        """
        deadline = time.monotonic() + SECONDS_TO_START
        while not end.wait(SECONDS_BETWEEN_LOOKS / 2):
            if process.poll() is not None or time.monotonic() > deadline:
                raise self._ended(process)
            with suppress(httpx.HTTPError):
                url = f"{self.address}/server_info"
                if httpx.get(url, timeout=5, trust_env=False).is_success:
                    return True
        return False

    def _end_runs(self, news: RunNews, end: threading.Event, tell: Tell) -> None:
        """Terminate the runs that go on and wait until they have cleaned up after themselves.

        A run that nobody watches would go on computing, or paying for a GPU. Those that are queued
        come first: each that ends lets the daemon start the next. A run that cannot be terminated
        yet, as it is being started, is asked again. A second signal ends the waiting.
        """
        runs = news.unfinished()
        if not runs:
            return
        names = ", ".join(run.run_id[:SHORT] for run in runs)
        tell(f"Ending run {names}; what is finished is kept. Ctrl-C again does not wait for it.")
        deadline = time.monotonic() + SECONDS_TO_END_RUNS
        while runs and time.monotonic() < deadline and not end.is_set():
            for run in runs:
                if run.status is not DagsterRunStatus.CANCELING:
                    self._terminate(run.run_id)
            end.wait(0.5)
            for line in news.lines():
                tell(line)
            runs = news.unfinished()

    def _terminate(self, run_id: str) -> None:
        query: dict[str, Any] = {"query": TERMINATE, "variables": {"run": run_id}}
        with suppress(httpx.HTTPError):
            httpx.post(f"{self.address}/graphql", json=query, timeout=30, trust_env=False)

    def _ended(self, process: subprocess.Popen[bytes]) -> ServerEndedError:
        lines = self.log.read_text("utf-8", errors="replace").splitlines()[-LAST_LINES:]
        code = process.poll()
        how = "does not answer" if code is None else f"ended with exit code {code}"
        said = "\n".join(["", *(COLOURS.sub("", line) for line in lines)])
        return ServerEndedError(f"Dagster {how}. The end of its log:{said}", f"See {self.log}.")


def what_is_where(server: DevServer, resources: Resources) -> Iterator[str]:
    """What is started, and where its parts are, for somebody who sees it for the first time."""
    packs = [load_pack(game) for game in games_served()]
    yield f"Starting Dagster for {', '.join(pack.title for pack in packs)} ..."
    yield f"  web interface  {server.address}/asset-groups: Materialize all makes everything"
    for pack in packs:
        yield f"  CVAT exports   {resources.exports.path(pack.name)}"
    yield f"  artifacts      {server.state.artifacts}"
    yield f"  log            {server.log}"


class _Alarms:
    """Warnings and errors in a growing log."""

    def __init__(self, log: Path) -> None:
        self._log, self._read = log, 0

    def lines(self) -> Iterator[str]:
        with self._log.open("rb") as opened:
            opened.seek(self._read)
            whole = opened.read().rpartition(b"\n")[0]
        self._read += len(whole)
        for line in whole.decode("utf-8", errors="replace").splitlines():
            plain = COLOURS.sub("", line)
            if ALARM.search(plain):
                yield plain


@contextmanager
def _told_to_end() -> Iterator[threading.Event]:
    """An event that a signal to end sets.

    The handlers are set before Dagster is started. A shell starts a job in the background with
    SIGINT ignored; a process that is started with an ignored signal goes on ignoring it, and
    Dagster treats SIGTERM as it does SIGINT, so that nothing would end it. A handler is not
    inherited: what is started now has Python's own. An ignored SIGHUP is left alone, as `nohup`
    wants it.
    """
    end = threading.Event()
    numbers = [signal.SIGINT, signal.SIGTERM]
    if POSIX and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        numbers.append(signal.SIGHUP)
    before = {number: signal.signal(number, lambda *_: end.set()) for number in numbers}
    try:
        yield end
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Interrupt Dagster and wait; kill what is left of its session. Further signals change nothing.

    On Windows, Ctrl-C has reached it already.
    """
    with suppress(subprocess.TimeoutExpired):
        if POSIX and process.poll() is None:
            process.send_signal(signal.SIGINT)
        process.wait(SECONDS_TO_END)
    if POSIX:
        _end_session(process.pid)
    elif process.poll() is None:
        process.kill()
    process.wait()


def _end_session(leader: int) -> None:
    """End the other processes of a session, such as a code server that waits for a run."""
    for number, patience in ((signal.SIGTERM, SECONDS_TO_KILL), (signal.SIGKILL, 0.0)):
        deadline = time.monotonic() + patience
        # macOS says so of a group in which only zombies are left.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(leader, number)
            while time.monotonic() < deadline:
                os.killpg(leader, 0)
                time.sleep(0.1)
