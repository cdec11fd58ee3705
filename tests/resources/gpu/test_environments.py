"""Pinned packages over a host's own torch, whatever kind of Python that lives in.

Real environments and a real pip, on a real machine behind SSH; the packages are of this test, so
that nothing is fetched from a network.
"""

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from doubles.pythons import (
    BASE,
    GPU,
    TORCH,
    give_pip,
    give_torch,
    make_prefix,
    make_uv_venv,
    make_venv,
    write_torch_wheel,
    write_wheel,
)
from doubles.sshd import SshMachine, needs_sshd, running_sshd

from pipeline.jobs.spec import pinned
from resources.gpu.clouds.base import SshAddress
from resources.gpu.hosts import agent
from resources.gpu.hosts.host_keys import known_host
from resources.gpu.hosts.keys import own_key, public_line
from resources.gpu.hosts.ssh import Login, RemoteHost
from resources.gpu.hosts.workspace import HostUnfitError, RemoteWorkspace

pytestmark = needs_sshd
slow = pytest.mark.slow
PIN = "onnxslim"
"""Stands for all pinned packages: one that is installed here, so that it has a version."""
REQUIREMENTS = pinned((PIN,))


@pytest.fixture
def wheels(tmp_path: Path) -> Path:
    folder = tmp_path / "wheels"
    write_wheel(folder, PIN, REQUIREMENTS[PIN], "torch>=1.8")
    # Newer, and of no use: what pip would take if it did not see the host's own.
    write_torch_wheel(folder, "9.0", gpu=None)
    return folder


@pytest.fixture
def machine(tmp_path: Path, wheels: Path) -> Iterator[SshMachine]:
    key = own_key(tmp_path / "id_ed25519")
    pip = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheels), "PIP_CONFIG_FILE": "/dev/null"}
    with running_sshd(tmp_path / "machine", public_line(key), pip) as machine:
        machine.write_known_hosts(tmp_path / "known_hosts")
        yield machine


@pytest.fixture
def workspace(machine: SshMachine, tmp_path: Path) -> Iterator[RemoteWorkspace]:
    address = SshAddress(machine.host, machine.port, machine.user)
    trust = known_host(tmp_path / "known_hosts", address)
    host = RemoteHost(Login(address, own_key(tmp_path / "id_ed25519"), trust), patience=3.0)
    yield RemoteWorkspace(host, "job", REQUIREMENTS)
    host.close()


def first_on_path(machine: SshMachine, python: Path) -> None:
    for name in ("python3", "python"):
        machine.install(name, f'#!/bin/sh\nexec "{python}" "$@"\n')


def in_a_venv(folder: Path) -> Path:
    python = make_venv(folder / "venv")
    give_torch(python)
    return python


def in_a_venv_of_uv(folder: Path) -> Path:
    python = make_uv_venv(folder / "uv")
    give_torch(python)
    return python


def below_a_venv_with_system_packages(folder: Path) -> Path:
    """torch lies in the Python that the environment was made over."""
    prefix = make_prefix(folder / "prefix")
    give_torch(prefix)
    return make_venv(folder / "venv", prefix, "--system-site-packages")


def at_the_end_of_a_chain(folder: Path) -> Path:
    """torch lies two environments down; the links are as people make them."""
    first, second = in_a_venv(folder), make_venv(folder / "second")
    third = make_venv(folder / "third")
    for upper, lower in ((second, first), (third, second)):
        site = next((upper.parent.parent / "lib").glob("*/site-packages"))
        below = next((lower.parent.parent / "lib").glob("*/site-packages"))
        (site / "below.pth").write_text(f"import site; site.addsitedir({str(below)!r})\n")
    return third


def in_a_prefix_like_condas(folder: Path) -> Path:
    python = make_prefix(folder / "conda")
    give_torch(python)
    return python


def with_pip_but_without_ensurepip(folder: Path) -> Path:
    """As Debian's, where python3-pip is installed and python3-venv is not."""
    python = make_prefix(folder / "debian", with_ensurepip=False)
    give_torch(python)
    give_pip(python)
    return python


def test_packages_of_an_environment_are_inherited_by_one_that_is_made_over_it(
    tmp_path: Path,
) -> None:
    parent, child = in_a_venv(tmp_path), make_venv(tmp_path / "child")
    program = f"import agent; agent.inherit({str(child)!r})"
    folder = Path(agent.__file__).parent
    subprocess.run([str(parent), "-c", program], check=True, cwd=folder)

    ask = [str(child), "-c", "import torch; print(torch.cuda.get_device_name())"]
    told = subprocess.run(ask, capture_output=True, text=True, check=True).stdout

    assert told.splitlines()[-1] == GPU


@slow
@pytest.mark.parametrize(
    "torch_lies",
    [
        in_a_venv,
        pytest.param(
            in_a_venv_of_uv,
            marks=pytest.mark.skipif(shutil.which("uv") is None, reason="needs uv"),
        ),
        below_a_venv_with_system_packages,
        at_the_end_of_a_chain,
        in_a_prefix_like_condas,
        with_pip_but_without_ensurepip,
    ],
)
def test_an_environment_sees_the_torch_that_was_found(
    workspace: RemoteWorkspace,
    machine: SshMachine,
    tmp_path: Path,
    torch_lies: Callable[[Path], Path],
) -> None:
    first_on_path(machine, torch_lies(tmp_path / "host"))

    environment = workspace.probe()
    record = workspace.prepare(environment)

    assert environment.gpu == record["gpu"] == GPU
    assert record["torch"] == TORCH, "no other one was brought"
    assert record["pinned"] == REQUIREMENTS
    assert record["python"].startswith(f"{workspace.base}/venv-")
    assert f"{PIN}=={REQUIREMENTS[PIN]}" in record["packages"]
    # Once more, as after a dropped connection or by the next job: nothing is made anew.
    made = Path(record["python"]).parent.parent / "complete"
    before = made.stat().st_mtime_ns
    again = RemoteWorkspace(workspace.host, "job2", REQUIREMENTS)
    assert again.prepare(again.probe())["python"] == record["python"]
    assert made.stat().st_mtime_ns == before


@slow
def test_a_torch_that_pip_cannot_see_and_replaces_by_a_blind_one_is_noticed(
    workspace: RemoteWorkspace, machine: SshMachine, tmp_path: Path
) -> None:
    python = make_venv(tmp_path / "venv")
    give_torch(python, described=False)
    first_on_path(machine, python)

    with pytest.raises(HostUnfitError, match=r"torch 9\.0 sees no GPU, where torch 2\.8\.0 had"):
        workspace.prepare(workspace.probe())


@slow
def test_a_torch_that_does_not_work_any_more_is_noticed(
    workspace: RemoteWorkspace, machine: SshMachine, tmp_path: Path, wheels: Path
) -> None:
    # As a package that was built for another numpy.
    broken = "raise ImportError('numpy.core.multiarray failed to import')"
    write_wheel(wheels, "torch", "9.1", source=broken)
    python = make_venv(tmp_path / "venv")
    give_torch(python, gpu=None, described=False)
    first_on_path(machine, python)

    with pytest.raises(HostUnfitError, match=r"cannot be used any more.*multiarray"):
        workspace.prepare(workspace.probe())


@slow
def test_an_environment_that_was_left_half_made_is_made_anew(
    workspace: RemoteWorkspace, machine: SshMachine, tmp_path: Path
) -> None:
    first_on_path(machine, in_a_venv(tmp_path / "host"))
    record = workspace.prepare(workspace.probe())
    folder = Path(record["python"]).parent.parent
    (folder / "complete").unlink()
    shutil.rmtree(folder / "lib")

    again = RemoteWorkspace(workspace.host, "job2", REQUIREMENTS)

    assert again.prepare(again.probe())["pinned"] == REQUIREMENTS


@slow
def test_a_python_without_any_pip_says_what_is_missing(
    workspace: RemoteWorkspace, machine: SshMachine, tmp_path: Path
) -> None:
    python = make_prefix(tmp_path / "bare", with_ensurepip=False)
    give_torch(python)
    first_on_path(machine, python)

    with pytest.raises(HostUnfitError, match="python3-venv or ensurepip is missing"):
        workspace.prepare(workspace.probe())


@slow
def test_packages_that_cannot_be_had_say_why(
    workspace: RemoteWorkspace, machine: SshMachine, tmp_path: Path, wheels: Path
) -> None:
    for wheel in wheels.iterdir():
        wheel.unlink()
    first_on_path(machine, in_a_venv(tmp_path / "host"))

    with pytest.raises(HostUnfitError, match="No matching distribution found for onnxslim"):
        workspace.prepare(workspace.probe())


@slow
def test_a_python_in_the_home_folder_is_found_where_no_path_leads(
    workspace: RemoteWorkspace, machine: SshMachine
) -> None:
    for name in ("python3", "python"):
        machine.install(name, f'#!/bin/sh\nexec "{BASE}" -I "$@"\n')
    give_torch(make_venv(machine.home / "venv"))

    assert workspace.probe().gpu == GPU
    assert workspace.python == f"{machine.home}/venv/bin/python"
