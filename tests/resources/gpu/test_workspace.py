"""Jobs and files on a real machine behind SSH, across dropped connections."""

import io
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import paramiko
import pytest
from doubles.gpu_jobs import (
    QUICK,
    SPEC,
    Listener,
    gpu_python,
    training_program,
    write_small_job,
)
from doubles.processes import is_alive, wait_until
from doubles.sshd import SshMachine, needs_sshd, running_sshd

from pipeline.jobs.checkpoints import prepare_to_resume
from pipeline.jobs.failures import JobFailedError
from pipeline.manifests import sha256_of
from resources.gpu.clouds.base import DEADMAN_FILE, IDLE_FILE, SshAddress
from resources.gpu.hosts.host_keys import HostKeyError, RecordedKey, SshError, known_host
from resources.gpu.hosts.keys import own_key, public_line
from resources.gpu.hosts.ssh import (
    Connection,
    HostLostError,
    Login,
    RemoteCommandError,
    RemoteHost,
    SshLoginError,
    connect,
    quoted,
)
from resources.gpu.hosts.transfer import TransferError, fetch, send
from resources.gpu.hosts.workspace import HostUnfitError, RemoteWorkspace
from resources.gpu.leases.follow import JobFollower, RemoteJob

pytestmark = needs_sshd
slow = pytest.mark.slow


@pytest.fixture
def key(tmp_path: Path) -> paramiko.PKey:
    return own_key(tmp_path / "keys" / "id_ed25519")


@pytest.fixture
def machine(tmp_path: Path, key: paramiko.PKey) -> Iterator[SshMachine]:
    with running_sshd(tmp_path / "machine", public_line(key)) as machine:
        machine.install("python3", gpu_python())
        yield machine


@pytest.fixture
def login(machine: SshMachine, key: paramiko.PKey) -> Login:
    return login_to(machine, key, machine.fingerprint)


@pytest.fixture
def host(login: Login) -> Iterator[RemoteHost]:
    host = RemoteHost(login, patience=3.0)
    yield host
    host.close()


@pytest.fixture
def workspace(host: RemoteHost) -> RemoteWorkspace:
    workspace = RemoteWorkspace(host, "job1", SPEC.requirements)
    workspace.probe()
    return workspace


def login_to(machine: SshMachine, key: paramiko.PKey, fingerprint: str | None) -> Login:
    known = [fingerprint] if fingerprint else []
    trust = RecordedKey(lambda: known[0] if known else None, lambda: (), known.append)
    return Login(SshAddress(machine.host, machine.port, machine.user), key, trust)


def random_file(file: Path, size: int = 3_000_000) -> Path:
    file.write_bytes(np.random.default_rng(3).integers(0, 256, size, dtype=np.uint8).tobytes())
    return file


# Whom we talk to


def test_another_host_key_than_the_pinned_one_is_refused_before_any_login(
    machine: SshMachine, key: paramiko.PKey
) -> None:
    with pytest.raises(HostKeyError, match="must have"):
        connect(login_to(machine, key, "SHA256:somebodyelse"))

    assert "Accepted publickey" not in (machine.folder / "sshd.log").read_text()


def test_the_first_key_is_remembered_and_a_later_change_refused(
    machine: SshMachine, key: paramiko.PKey
) -> None:
    login = login_to(machine, key, None)
    connect(login).close()
    connect(login).close()
    machine.change_host_key()

    with pytest.raises(HostKeyError):
        connect(login)


def test_keys_that_the_cloud_tells_decide_about_the_first_one(
    machine: SshMachine, key: paramiko.PKey
) -> None:
    address = SshAddress(machine.host, machine.port, machine.user)
    remembered: list[str] = []
    told = [machine.fingerprint]
    trust = RecordedKey(lambda: None, lambda: told, remembered.append)
    connect(Login(address, key, trust)).close()
    assert remembered == [machine.fingerprint]

    machine.change_host_key()
    with pytest.raises(HostKeyError):
        connect(Login(address, key, trust))


def test_a_known_hosts_file_decides_where_the_user_has_one(
    machine: SshMachine, key: paramiko.PKey, tmp_path: Path
) -> None:
    address = SshAddress(machine.host, machine.port, machine.user)
    file = tmp_path / "known_hosts"
    with pytest.raises(SshError, match="does not know"):
        known_host(file, address)
    machine.write_known_hosts(file)

    connect(Login(address, key, known_host(file, address))).close()
    machine.change_host_key()
    with pytest.raises(HostKeyError):
        connect(Login(address, key, known_host(file, address)))


def test_a_key_that_is_not_let_in_is_named(machine: SshMachine, login: Login) -> None:
    machine.authorized_keys.write_text("")

    with pytest.raises(SshLoginError, match="does not let"):
        connect(login)


def test_our_key_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    file = tmp_path / "gpu" / "id_ed25519"

    assert own_key(file).get_base64() == own_key(file).get_base64()
    assert file.stat().st_mode & 0o077 == 0
    assert [left.name for left in file.parent.iterdir()] == ["id_ed25519"]


# Commands


def test_a_failing_command_quotes_its_words(host: RemoteHost) -> None:
    with pytest.raises(RemoteCommandError, match="ended with 3: no such luck") as caught:
        host.run("echo no such luck >&2; exit 3")

    assert caught.value.code == 3


def test_a_command_is_done_again_after_a_drop(machine: SshMachine, host: RemoteHost) -> None:
    host.run("true")
    machine.drop_connections()

    assert host.run("echo back") == b"back\n"


def test_patience_begins_anew_where_long_work_breaks(machine: SshMachine, login: Login) -> None:
    host = RemoteHost(login, patience=0.4)
    tries = []

    def slowly() -> Iterator[bytes]:
        for number in range(8):
            time.sleep(0.1)
            if number == 7 and len(tries) == 1:
                machine.drop_connections()
            yield b"x"

    def work(connection: Connection) -> bytes:
        tries.append(connection)
        return connection.feed("cat", slowly())

    assert host.call(work) == b"xxxxxxxx"
    assert len(tries) == 2
    host.close()


def test_a_connection_that_hangs_is_replaced(
    machine: SshMachine, host: RemoteHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("resources.gpu.hosts.ssh.CONNECT_SECONDS", 0.5)
    host.run("true")
    began = time.monotonic()

    # Between the opening of a channel and its command, where paramiko itself has no patience.
    opened = paramiko.Transport.open_session

    def open_and_freeze(transport: paramiko.Transport, **options: float) -> paramiko.Channel:
        monkeypatch.setattr(paramiko.Transport, "open_session", opened)
        channel = opened(transport, **options)
        machine.freeze_connections()
        return channel

    monkeypatch.setattr(paramiko.Transport, "open_session", open_and_freeze)

    assert host.run("echo here") == b"here\n"
    assert time.monotonic() - began < 50


def test_a_host_that_hangs_is_not_waited_for_again_and_again(login: Login) -> None:
    host = RemoteHost(login, patience=0.5)
    began = time.monotonic()

    with pytest.raises(HostLostError, match="could not be reached"):
        host.run("sleep 60", seconds=0.3)

    assert time.monotonic() - began < 50
    host.close()


def test_a_host_that_stays_away_is_lost(machine: SshMachine, login: Login) -> None:
    host = RemoteHost(login, patience=0.5)
    host.run("true")
    machine.kill()

    with pytest.raises(HostLostError, match="could not be reached"):
        host.run("true")


def test_a_host_that_its_cloud_knows_to_be_gone_is_not_waited_for(
    machine: SshMachine, login: Login
) -> None:
    host = RemoteHost(login, patience=600.0, lost_because=lambda: "it was ended")
    host.run("true")
    machine.kill()

    with pytest.raises(HostLostError, match="it was ended"):
        host.run("true")


# Files


def test_a_file_arrives_whole(host: RemoteHost, machine: SshMachine, tmp_path: Path) -> None:
    file = random_file(tmp_path / "file")

    send(host, file, f"{machine.home}/there")
    assert sha256_of(machine.home / "there") == sha256_of(file)
    fetch(host, f"{machine.home}/there", tmp_path / "back", sha256_of(file))
    assert sha256_of(tmp_path / "back") == sha256_of(file)


@pytest.mark.parametrize("way", ["up", "down"])
def test_a_transfer_goes_on_where_the_connection_broke(
    host: RemoteHost,
    machine: SshMachine,
    tmp_path: Path,
    way: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file = random_file(tmp_path / "file", 40_000_000)
    there = machine.home / "there"
    part = machine.home / "there.part" if way == "up" else tmp_path / ".back.part"
    if way == "down":
        there.write_bytes(file.read_bytes())
    begun_at: list[int] = []
    opened = Connection.channel

    def channel(self: Connection, command: str, *rest: float) -> object:
        begun_at.append(part.stat().st_size if part.exists() else 0)
        return opened(self, command, *rest)

    monkeypatch.setattr(Connection, "channel", channel)

    def cut() -> None:
        wait_until(lambda: part.exists() and part.stat().st_size > 4_000_000)
        machine.drop_connections()

    cutting = threading.Thread(target=cut)
    cutting.start()
    if way == "up":
        send(host, file, str(there))
    else:
        fetch(host, str(there), tmp_path / "back", sha256_of(file))
    cutting.join()

    assert sha256_of(there if way == "up" else tmp_path / "back") == sha256_of(file)
    assert any(4_000_000 < size < 40_000_000 for size in begun_at)


@slow
def test_a_server_that_dies_and_comes_back_in_mid_upload_gets_the_rest(
    host: RemoteHost, machine: SshMachine, tmp_path: Path
) -> None:
    file = random_file(tmp_path / "file", 40_000_000)
    part = machine.home / "there.part"

    def restart() -> None:
        wait_until(lambda: part.exists() and part.stat().st_size > 2_000_000)
        machine.kill()
        time.sleep(0.3)
        machine.start()

    restarting = threading.Thread(target=restart)
    restarting.start()
    send(host, file, f"{machine.home}/there")
    restarting.join()

    assert sha256_of(machine.home / "there") == sha256_of(file)


def test_what_arrived_damaged_is_sent_again(
    host: RemoteHost, machine: SshMachine, tmp_path: Path
) -> None:
    file = random_file(tmp_path / "file")
    (machine.home / "there.part").write_bytes(b"rubbish of an earlier try")

    send(host, file, f"{machine.home}/there")

    assert sha256_of(machine.home / "there") == sha256_of(file)


def test_a_file_that_is_not_as_told_is_refused(
    host: RemoteHost, machine: SshMachine, tmp_path: Path
) -> None:
    (machine.home / "there").write_bytes(b"something")

    with pytest.raises(TransferError, match="did not arrive"):
        fetch(host, f"{machine.home}/there", tmp_path / "back", "0" * 64)
    assert not (tmp_path / "back").exists()


def test_a_fetch_that_fails_leaves_nothing_behind(host: RemoteHost, tmp_path: Path) -> None:
    with pytest.raises(RemoteCommandError):
        fetch(host, "/no/such/file", tmp_path / "back", "0" * 64)

    assert not [file for file in tmp_path.iterdir() if "back" in file.name]


def test_what_came_only_in_part_goes_to_no_host_and_comes_from_none(
    workspace: RemoteWorkspace, tmp_path: Path, machine: SshMachine
) -> None:
    """As whoever was killed during a fetch has left it."""
    job = write_small_job(tmp_path / "job", training_program())
    here = job.parent / "outputs" / ".checkpoint.pt.part"
    here.parent.mkdir()
    here.write_bytes(b"half")

    workspace.upload(job.parent)

    there = machine.home / ".outpost" / "jobs" / workspace.job_name / "outputs"
    assert not there.exists()
    there.mkdir()
    for name in (".older.pt.part", "whole.pt"):
        (there / name).write_bytes(b"half")
    workspace.fetch_outputs(tmp_path / "back")
    assert [file.name for file in (tmp_path / "back").iterdir()] == ["whole.pt"]


@pytest.mark.skipif(os.getuid() != 0, reason="mounts a small disk")
def test_a_full_disk_is_named_and_not_tried_for_ever(
    host: RemoteHost, machine: SshMachine, tmp_path: Path
) -> None:
    small = machine.home / "small"
    small.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(small)])
    if mounted.returncode != 0:
        pytest.skip("mounting is not allowed here")
    try:
        with pytest.raises(RemoteCommandError, match="No space left"):
            send(host, random_file(tmp_path / "file"), f"{small}/there")
    finally:
        subprocess.run(["umount", "-l", str(small)], check=True)


# Jobs


def test_only_what_the_host_lacks_is_sent(
    workspace: RemoteWorkspace, tmp_path: Path, machine: SshMachine
) -> None:
    job = write_small_job(tmp_path / "job", training_program())
    first = workspace.upload(job.parent)
    (job.parent / "data" / "images" / "real_9.jpg").write_bytes(b"one more")

    assert first == sum(f.stat().st_size for f in job.parent.rglob("*") if f.is_file()) - 8 - (
        (job.parent / "data" / "val.txt").stat().st_size  # the same as train.txt
    )
    assert workspace.upload(job.parent) == 8
    other = RemoteWorkspace(workspace.host, "job2", SPEC.requirements)
    other.probe()
    assert other.upload(job.parent) == 0
    laid_out = machine.home / ".outpost" / "jobs" / "job2"
    assert sorted(f.relative_to(laid_out) for f in laid_out.rglob("*") if f.is_file()) == sorted(
        f.relative_to(job.parent) for f in job.parent.rglob("*") if f.is_file()
    )


def test_a_damaged_file_on_the_host_is_sent_again(
    workspace: RemoteWorkspace, tmp_path: Path, machine: SshMachine
) -> None:
    job = write_small_job(tmp_path / "job", training_program())
    workspace.upload(job.parent)
    image = job.parent / "data" / "images" / "real_0.jpg"
    (machine.home / ".outpost" / "blobs" / sha256_of(image)).write_bytes(b"damaged")

    assert workspace.upload(job.parent) == image.stat().st_size


class FollowingListener(Listener):
    def remote_job(self, job: Path) -> RemoteJob:
        (job.parent / "outputs").mkdir(exist_ok=True)
        return RemoteJob(SPEC, job, self.events.append, self.lines.append)


def watch_nothing(_: RemoteWorkspace) -> None:
    """Let it run."""


def test_a_job_runs_is_followed_and_brings_its_outputs(
    workspace: RemoteWorkspace, tmp_path: Path
) -> None:
    job = write_small_job(tmp_path / "job", training_program(epochs=3))
    listener = FollowingListener()

    outputs = JobFollower(workspace, listener.remote_job(job), QUICK).run(watch_nothing)

    assert listener.epochs == [1, 2, 3]
    assert "training on 3 images" in listener.lines
    assert (outputs / "best.onnx").read_text() == "best.onnx after epoch 3"
    assert "epoch 3" in (outputs / "log.txt").read_text()
    assert {"best.pt", "last.pt", "results.csv", "done.json"} <= {f.name for f in outputs.iterdir()}


def test_a_job_survives_dropped_connections_and_tells_everything_once(
    workspace: RemoteWorkspace, machine: SshMachine, tmp_path: Path
) -> None:
    job = write_small_job(tmp_path / "job", training_program(epochs=8, seconds=0.2))
    listener = FollowingListener()

    def cut() -> None:
        for epoch in (2, 4):
            wait_until(lambda epoch=epoch: epoch in listener.epochs)
            machine.drop_connections()
        wait_until(lambda: 6 in listener.epochs)
        machine.kill()
        time.sleep(0.2)
        machine.start()

    cutting = threading.Thread(target=cut)
    cutting.start()
    JobFollower(workspace, listener.remote_job(job), QUICK).run(watch_nothing)
    cutting.join()

    assert listener.epochs == [1, 2, 3, 4, 5, 6, 7, 8]
    assert [line for line in listener.lines if line.startswith("epoch")] == [
        f"epoch {number}" for number in range(1, 9)
    ]


def test_a_failed_job_says_why_and_leaves_its_results_here(
    workspace: RemoteWorkspace, tmp_path: Path
) -> None:
    program = "open('outputs/results.csv', 'w').write('a row'); raise SystemExit('no such layer')"
    job = write_small_job(tmp_path / "job", program)

    with pytest.raises(JobFailedError, match="no such layer"):
        JobFollower(workspace, FollowingListener().remote_job(job), QUICK).run(watch_nothing)

    assert (job.parent / "outputs" / "results.csv").read_text() == "a row"


@slow
def test_running_out_of_memory_is_named_as_on_this_machine(
    workspace: RemoteWorkspace, tmp_path: Path
) -> None:
    program = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    job = write_small_job(tmp_path / "job", program)

    with pytest.raises(JobFailedError, match="ran out of memory"):
        JobFollower(workspace, FollowingListener().remote_job(job), QUICK).run(watch_nothing)


@slow
def test_a_job_that_vanished_means_a_lost_host(
    workspace: RemoteWorkspace, machine: SshMachine, tmp_path: Path
) -> None:
    job = write_small_job(tmp_path / "job", training_program(epochs=100, seconds=0.4))
    follower = JobFollower(workspace, FollowingListener().remote_job(job), QUICK)

    def reboot(_: RemoteWorkspace) -> None:
        if (job.parent / "outputs" / "checkpoint.pt").exists():
            machine.stop()
            machine.start()

    with pytest.raises(HostLostError, match="gone from the host"):
        follower.run(reboot)


@slow
def test_asked_to_finish_it_keeps_its_best(workspace: RemoteWorkspace, tmp_path: Path) -> None:
    job = write_small_job(tmp_path / "job", training_program(epochs=100))
    listener = FollowingListener()

    outputs = JobFollower(workspace, listener.remote_job(job), QUICK).run(
        lambda workspace: workspace.ask_to_finish()
    )

    assert "asked to stop" in listener.lines
    assert (outputs / "best.pt").is_file()
    assert len(listener.epochs) < 100


@slow
def test_stopping_ends_the_job_and_what_it_started(
    workspace: RemoteWorkspace, machine: SshMachine, tmp_path: Path
) -> None:
    program = """
    import os, signal, subprocess, time
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    child = subprocess.Popen(["sleep", "600"])
    open("pids.tmp", "w").write(f"{os.getpid()} {child.pid}")
    os.rename("pids.tmp", "pids")
    time.sleep(600)
    """
    job = write_small_job(tmp_path / "job", program)
    workspace.upload(job.parent)
    workspace.start()
    workspace.start()
    pids = machine.home / ".outpost" / "jobs" / "job1" / "pids"
    wait_until(pids.exists)
    agent = machine.home / ".outpost" / Path(workspace.agent).name
    agent.write_text(agent.read_text().replace("= 10.0", "= 0.5"))

    workspace.stop()

    assert not any(is_alive(int(pid)) for pid in pids.read_text().split())
    assert workspace.status(0, 0).state == "gone"


@slow
def test_going_on_elsewhere_begins_at_the_checkpoint_that_was_fetched(
    workspace: RemoteWorkspace, tmp_path: Path, machine: SshMachine
) -> None:
    job = write_small_job(tmp_path / "job", training_program(epochs=100, seconds=0.1))
    listener = FollowingListener()
    remote_job = listener.remote_job(job)

    def lose(workspace: RemoteWorkspace) -> None:
        if 3 in listener.epochs:
            workspace.stop()

    with pytest.raises(HostLostError):
        JobFollower(workspace, remote_job, QUICK).run(lose)
    said = prepare_to_resume(remote_job.job.parent)
    told = json.loads((job.parent / "resume.json").read_text("utf-8"))
    assert said == f"Resuming on another host after epoch {told['epoch']}."
    (job.parent / "program.pyz").write_text(training_program(epochs=told["epoch"] + 2))
    listener.events.clear()
    other = RemoteWorkspace(workspace.host, "job2", SPEC.requirements)
    other.probe()

    outputs = JobFollower(other, remote_job, QUICK).run(watch_nothing)

    assert listener.epochs == [told["epoch"] + 1, told["epoch"] + 2]
    events = (outputs / "metrics.jsonl").read_text().splitlines()
    assert len([line for line in events if '"epoch"' in line.split(",")[0]]) == told["epoch"] + 2
    assert f"going on after epoch {told['epoch']}" in (outputs / "log.txt").read_text()


@slow
def test_jobs_that_were_left_behind_are_ended_and_foreign_ones_told(
    workspace: RemoteWorkspace, tmp_path: Path, machine: SshMachine
) -> None:
    for name in ("mine-1", "foreign-1"):
        place = RemoteWorkspace(workspace.host, name, SPEC.requirements)
        place.python = workspace.python
        place.upload(write_small_job(tmp_path / name, "import time; time.sleep(600)").parent)
        place.start()
        wait_until(lambda place=place: place.status(0, 0).state == "running")

    assert workspace.clear("mine-") == ["foreign-1"]
    jobs = machine.home / ".outpost" / "jobs"
    assert [job.name for job in jobs.iterdir()] == ["foreign-1"]


def test_a_host_is_told_that_it_is_looked_after_only_once_its_job_has_ended(
    workspace: RemoteWorkspace, machine: SshMachine, tmp_path: Path
) -> None:
    idle = machine.home / Path(IDLE_FILE).name
    (machine.home / Path(DEADMAN_FILE).name).write_text("1")
    job = write_small_job(tmp_path / "job", training_program(epochs=5, seconds=0.2))
    workspace.upload(job.parent)
    workspace.start()

    told_before = False
    while workspace.status(0, 0).state == "running":
        assert not told_before, "from then on its age would end the pod in mid-training"
        told_before = idle.exists()
    assert idle.exists()
    os.utime(idle, (0, 0))
    workspace.status(0, 0)
    assert idle.stat().st_mtime > 0


# The environment


def test_a_host_without_torch_is_unfit(host: RemoteHost, machine: SshMachine) -> None:
    for name in ("python3", "python"):
        machine.install(name, gpu_python(None, "ModuleNotFoundError: torch"))

    with pytest.raises(HostUnfitError, match="ModuleNotFoundError"):
        RemoteWorkspace(host, "job", SPEC.requirements).probe()


def test_the_python_that_sees_the_gpu_is_taken(host: RemoteHost, machine: SshMachine) -> None:
    machine.install("python3", gpu_python(None))
    machine.install("python", gpu_python().replace('"python": "python3"', '"python": "python"'))
    workspace = RemoteWorkspace(host, "job", SPEC.requirements)

    assert workspace.probe().gpu == "NVIDIA GeForce RTX 4090"
    assert workspace.python == "python"


@slow
def test_a_real_python_is_examined(host: RemoteHost, machine: SshMachine) -> None:
    machine.install("python3", f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    workspace = RemoteWorkspace(host, "job", SPEC.requirements)

    environment = workspace.probe()
    record = workspace.prepare(environment)

    assert environment.torch is not None
    assert record["pinned"]["ultralytics-opencv-headless"]


def test_no_secret_of_ours_comes_to_the_host(
    workspace: RemoteWorkspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, machine: SshMachine
) -> None:
    monkeypatch.setenv("RUNPOD_API_KEY", "rpa_secret")
    program = "import os; print(dict(os.environ)); open('outputs/done.json', 'w').write('{}')"
    job = write_small_job(tmp_path / "job", program)

    JobFollower(workspace, FollowingListener().remote_job(job), QUICK).run(watch_nothing)

    for file in machine.home.rglob("*"):
        if file.is_file():
            assert b"rpa_secret" not in file.read_bytes()


def test_words_are_quoted_for_the_shell(host: RemoteHost) -> None:
    words = 'it\'s; $(rm -rf x) `y` "z" \n end'

    assert host.run(quoted("printf", "%s", words)) == words.encode()


def test_large_input_and_output_cross_each_other(host: RemoteHost) -> None:
    given = io.BytesIO(bytes(range(256)) * 4000).getvalue()

    assert host.run("cat", given) == given
