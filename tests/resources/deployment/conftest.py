"""Two bundles, and a machine behind SSH that knows this Python."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from doubles.releases import new_version
from doubles.sshd import SshMachine, running_sshd

from resources.gpu.hosts.keys import own_key, public_line


@pytest.fixture(scope="session")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Of two models."""
    folder = tmp_path_factory.mktemp("bundles")
    first, second = (new_version(folder / name).package.bundle for name in ("first", "second"))
    return first, second


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[SshMachine]:
    """It lets in `id_ed25519`, and is known in `known_hosts`; both lie in `tmp_path`."""
    key = own_key(tmp_path / "id_ed25519")
    with running_sshd(tmp_path / "machine", public_line(key)) as machine:
        machine.write_known_hosts(tmp_path / "known_hosts")
        yield machine
