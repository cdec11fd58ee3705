"""Hosts whose login shell is none of POSIX, greets, or does not run what it is given."""

import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from doubles.gpu_jobs import QUICK, SPEC, training_program, write_small_job
from doubles.sshd import SshMachine, needs_sshd
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from resources.gpu.clouds.base import SshAddress
from resources.gpu.hosts.host_keys import known_host
from resources.gpu.hosts.keys import own_key
from resources.gpu.hosts.shell import Between, through_sh
from resources.gpu.hosts.ssh import Login, LoginShellError, RemoteCommandError, RemoteHost, quoted
from resources.gpu.hosts.transfer import send
from resources.gpu.leases.ssh_host import SshHostProvider, SshHostSettings

SHELLS = ("sh", "bash", "fish", "tcsh", "csh", "zsh")
MARK = "0123456789abcdef"
GREETING = "Welcome to gpu-box <3>"

START_UP: Mapping[str, Mapping[str, str]] = {
    "bash": {
        ".bashrc": f"""
            set -u
            alias cd='echo no' printf=false sh=false
            printf() {{ echo my own printf; }}
            echo '{GREETING}'
            echo 'to stderr' >&2
        """
    },
    "fish": {
        ".config/fish/config.fish": f"""
            alias printf 'echo no'
            function sh; echo no; end
            echo '{GREETING}'
            echo 'to stderr' >&2
        """
    },
    "tcsh": {
        ".tcshrc": f"""
            alias printf echo no
            alias sh echo no
            set echo
            echo '{GREETING}'
        """
    },
    "csh": {
        ".cshrc": f"""
            set history = 100
            alias eval echo no
            echo '{GREETING}'
        """
    },
    "zsh": {
        ".zshenv": f"""
            setopt RC_QUOTES NO_UNSET SH_WORD_SPLIT EXTENDED_GLOB BANG_HIST
            alias -g sh=false
            print '{GREETING}'
            print 'to stderr' >&2
        """
    },
}


def has(shell: str) -> pytest.MarkDecorator:
    reason = f"needs {shell}: apt-get install {shell}"
    return pytest.mark.skipif(shutil.which(shell) is None, reason=reason)


every_shell = pytest.mark.parametrize(
    "shell", [pytest.param(shell, marks=has(shell)) for shell in SHELLS]
)
greeting_shell = pytest.mark.parametrize(
    "shell", [pytest.param(shell, marks=has(shell)) for shell in START_UP]
)


# What a shell makes of a command, without any host


@every_shell
@settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@example(words="'!$(id) `id` \"\\\\\" \\' !! !x $HOME ~ {a,b} * ? [a] # ; & | < > ^ %1 =ls\n\t\\n")
@example(words="a\\" * 900 + "\n" + "'" * 900)
@given(words=st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
def test_any_words_come_through_any_shell(shell: str, words: str, tmp_path: Path) -> None:
    command = through_sh(quoted("printf", "%s", words), MARK)

    done = subprocess.run(
        [shell, "-c", command], capture_output=True, check=True, env={"HOME": str(tmp_path)}
    )

    between = Between(MARK)
    assert between.take(done.stdout) + between.rest() == words.encode()
    assert between.ended


@every_shell
def test_input_and_exit_status_are_those_of_the_command(shell: str) -> None:
    done = subprocess.run(
        [shell, "-c", through_sh("cat; exit 7", MARK)], input=b"\0given\n", capture_output=True
    )

    assert done.stdout == b"<%b>\0given\n<%b>" % (MARK.encode(), MARK.encode())
    assert done.returncode == 7


@given(
    before=st.binary(),
    inside=st.lists(st.one_of(st.binary(), st.just(b"<0123456789"), st.just(b"<"))),
    after=st.binary(),
    cuts=st.lists(st.integers(0, 200)),
)
def test_output_is_taken_from_between_the_marks_however_it_comes(
    before: bytes, inside: list[bytes], after: bytes, cuts: list[int]
) -> None:
    mark, content = f"<{MARK}>".encode(), b"".join(inside)
    stream = before + mark + content + mark + after
    between, taken, start = Between(MARK), b"", 0
    for end in [*sorted(cuts), len(stream)]:
        taken += between.take(stream[start:end])
        start = max(start, min(end, len(stream)))

    assert taken + between.rest() == content
    assert (between.before, between.begun, between.ended) == (before, True, True)


def test_without_marks_all_is_of_the_shell() -> None:
    between = Between(MARK)

    assert between.take(b"This account is not available.\n") + between.rest() == b""
    assert between.before == b"This account is not available.\n"
    assert not between.begun


# On a host


@pytest.fixture
def host(machine: SshMachine, tmp_path: Path) -> Iterator[RemoteHost]:
    address = SshAddress(machine.host, machine.port, machine.user)
    trust = known_host(tmp_path / "known_hosts", address)
    host = RemoteHost(Login(address, own_key(tmp_path / "id_ed25519"), trust), patience=3.0)
    yield host
    host.close()


def run_a_job(machine: SshMachine, folder: Path) -> tuple[Path, list[str]]:
    settings = SshHostSettings(
        SshAddress(machine.host, machine.port, machine.user),
        folder / "id_ed25519",
        folder / "known_hosts",
    )
    job, lines = write_small_job(folder / "job", training_program()), list[str]()
    with SshHostProvider(settings, folder / "state", QUICK).rent(SPEC) as lease:
        return lease.run(job, on_log=lines.append), lines


@needs_sshd
@pytest.mark.parametrize(
    ("shell", "greets"),
    [
        pytest.param(
            shell,
            greets,
            id=f"{shell}-{'greeting' if greets else 'silent'}",
            marks=[has(shell), *([] if (shell, greets) == ("fish", True) else [pytest.mark.slow])],
        )
        for shell in START_UP
        for greets in (False, True)
    ],
)
def test_a_whole_job_runs_in_any_shell(
    machine: SshMachine, tmp_path: Path, shell: str, greets: bool
) -> None:
    machine.change_shell(shell, START_UP[shell] if greets else None)

    outputs, lines = run_a_job(machine, tmp_path)

    assert (outputs / "best.onnx").read_text() == "best.onnx after epoch 3"
    assert "epoch 3" in lines
    assert not any("Welcome" in line for line in lines)
    assert [file.name for file in machine.home.iterdir() if "\n" in file.name] == []


@needs_sshd
@greeting_shell
def test_a_shell_does_greet(machine: SshMachine, host: RemoteHost, shell: str) -> None:
    """Without this, the greeting ones above would prove nothing."""
    machine.change_shell(shell, START_UP[shell])

    said = subprocess.run(
        [str(machine.folder / "login_shell")],
        env={
            "HOME": str(machine.home),
            "PATH": "/usr/bin:/bin",
            "SSH_CLIENT": "127.0.0.1 1 1",
            "SSH_ORIGINAL_COMMAND": "true",
        },
        capture_output=True,
        text=True,
    )

    assert GREETING in said.stdout
    assert host.run("echo here") == b"here\n"


@needs_sshd
@pytest.mark.slow
def test_a_job_runs_behind_a_banner_a_message_and_an_sshrc(
    machine: SshMachine, tmp_path: Path
) -> None:
    machine.banner = "Authorized use only.\nAll is logged.\n"
    sshrc = {".ssh/rc": "echo from sshrc; echo also to stderr >&2\n"}
    machine.change_shell("bash", {**START_UP["bash"], **sshrc})

    outputs, _ = run_a_job(machine, tmp_path)

    assert (outputs / "best.pt").is_file()


@needs_sshd
def test_errors_quote_the_command_and_not_the_greeting(
    machine: SshMachine, host: RemoteHost
) -> None:
    machine.change_shell("bash", START_UP["bash"])

    with pytest.raises(RemoteCommandError, match="ended with 3: no such luck") as caught:
        host.run("echo no such luck >&2; exit 3")

    assert "to stderr" not in str(caught.value)


@needs_sshd
@pytest.mark.parametrize(
    ("shell", "start_up", "said"),
    [
        ("echo 'This account is currently not available.'; false", {}, "not available"),
        ("bash", {".bashrc": "echo Only for people; exit 0"}, "Only for people"),
        ("bash", {".bashrc": "exec cat"}, "said: \\(nothing\\)"),
        ("no-such-shell", {}, "no-such-shell"),
    ],
    ids=["nologin", "ends", "becomes another program", "missing"],
)
def test_a_shell_that_runs_nothing_is_named(
    machine: SshMachine, host: RemoteHost, shell: str, start_up: dict[str, str], said: str
) -> None:
    machine.change_shell(shell, start_up)
    if shell.startswith("echo"):
        (machine.folder / "login_shell").write_text(f"#!/bin/sh\n{shell}\n")

    with pytest.raises(LoginShellError, match=said):
        host.run("true")


@needs_sshd
def test_no_byte_is_sent_to_a_shell_that_runs_nothing(
    machine: SshMachine, host: RemoteHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("resources.gpu.hosts.ssh.SILENCE_SECONDS", 0.3)
    got = machine.home / "got"
    machine.change_shell("bash", {".bashrc": f"exec cat > {got}"})
    file = tmp_path / "file"
    file.write_bytes(b"rm -rf precious\n")

    with pytest.raises(LoginShellError):
        send(host, file, f"{machine.home}/there")

    assert got.read_bytes() == b""
