"""The machine behind SSH behaves as a machine: programs survive a drop, and nothing survives it."""

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from doubles.processes import is_alive
from doubles.sshd import SshMachine, needs_sshd, running_sshd

pytestmark = needs_sshd


@pytest.fixture
def key(tmp_path: Path) -> Path:
    file = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(file)], check=True)
    return file


@pytest.fixture
def machine(tmp_path: Path, key: Path) -> Iterator[SshMachine]:
    with running_sshd(tmp_path / "machine", key.with_suffix(".pub").read_text()) as machine:
        yield machine


def command(machine: SshMachine, key: Path, *words: str) -> list[str]:
    options = ("StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "BatchMode=yes")
    return [
        *("ssh", "-q", "-F", "/dev/null", "-i", str(key), "-p", str(machine.port)),
        *(part for option in options for part in ("-o", option)),
        f"{machine.user}@{machine.host}",
        *words,
    ]


def ask(machine: SshMachine, key: Path, *words: str) -> str:
    return subprocess.run(
        command(machine, key, *words), capture_output=True, text=True, check=True
    ).stdout.strip()


def test_it_has_a_home_and_programs_of_its_own(machine: SshMachine, key: Path) -> None:
    machine.install("nvidia-smi", "#!/bin/sh\necho 'a GPU'\n")

    assert ask(machine, key, "echo", "$HOME") == str(machine.home)
    assert ask(machine, key, "nvidia-smi") == "a GPU"


def test_another_key_is_refused(machine: SshMachine, key: Path) -> None:
    machine.authorized_keys.write_text("")

    with pytest.raises(subprocess.CalledProcessError):
        ask(machine, key, "true")


def test_a_detached_program_survives_a_drop_and_ends_with_the_machine(
    machine: SshMachine, key: Path
) -> None:
    start = "setsid sleep 600 >/dev/null 2>&1 </dev/null & echo $!"
    pid = int(ask(machine, key, start))
    with subprocess.Popen(command(machine, key, "sleep 600")) as held:
        time.sleep(0.3)
        machine.drop_connections()
        assert held.wait(60) != 0

    assert is_alive(pid)
    assert ask(machine, key, "echo", "back") == "back"
    machine.stop()
    assert not is_alive(pid)


def test_a_killed_server_comes_back_at_the_same_port_with_the_same_key(
    machine: SshMachine, key: Path
) -> None:
    before = machine.fingerprint
    machine.kill()
    with pytest.raises(subprocess.CalledProcessError):
        ask(machine, key, "true")

    machine.start()

    assert ask(machine, key, "echo", "back") == "back"
    assert machine.fingerprint == before
    machine.change_host_key()
    assert machine.fingerprint != before
