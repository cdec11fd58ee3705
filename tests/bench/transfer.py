"""How fast files reach a host, beside the system's own `ssh cat`; on the loopback, turn by turn.

What is timed of ours is all of it: the digest here, the bytes, the digest there, the rename. `ssh`
only moves the bytes. A real OpenSSH server is on the other side of both.

Run with `outpost bench transfer --json`.
"""

import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from doubles.sshd import SshMachine, running_sshd

from pipeline.manifests import sha256_of
from resources.gpu.clouds.base import SshAddress
from resources.gpu.hosts.host_keys import RecordedKey
from resources.gpu.hosts.keys import own_key, public_line
from resources.gpu.hosts.ssh import Login, RemoteHost
from resources.gpu.hosts.transfer import fetch, send

MEGABYTES = 200
ROUNDS = 5


def measure() -> dict[str, float]:
    """Medians in megabytes a second, and their ratios."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        key_file = folder / "keys" / "id_ed25519"
        key = own_key(key_file)
        file = folder / "file"
        random = np.random.default_rng(1)
        file.write_bytes(random.integers(0, 256, MEGABYTES * 1_000_000, dtype=np.uint8).tobytes())
        with running_sshd(folder / "machine", public_line(key)) as machine:
            known: list[str] = [machine.fingerprint]
            trust = RecordedKey(lambda: known[0], lambda: (), known.append)
            address = SshAddress(machine.host, machine.port, machine.user)
            host = RemoteHost(Login(address, key, trust), patience=10.0)
            speeds = run_rounds(ways(machine, host, key_file, file))
            host.close()
    medians = {way: statistics.median(values) for way, values in speeds.items()}
    return {f"{way}_mb_per_second": value for way, value in medians.items()} | {
        "upload_ratio_to_ssh_cat": medians["upload"] / medians["ssh_cat_up"],
        "download_ratio_to_ssh_cat": medians["download"] / medians["ssh_cat_down"],
    }


def ways(
    machine: SshMachine, host: RemoteHost, key_file: Path, file: Path
) -> dict[str, Callable[[], object]]:
    """What is timed, by name."""
    there, back = machine.home / "there", file.with_name("back")
    options = ("StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "BatchMode=yes")
    ssh = [
        *("ssh", "-q", "-F", "/dev/null", "-i", str(key_file), "-p", str(machine.port)),
        *(part for option in options for part in ("-o", option)),
        f"{machine.user}@{machine.host}",
    ]
    digest = sha256_of(file)

    def upload() -> None:
        there.unlink(missing_ok=True)
        send(host, file, str(there))

    def ssh_up() -> None:
        with file.open("rb") as stream:
            subprocess.run([*ssh, f"cat > {there}"], stdin=stream, check=True)

    def ssh_down() -> None:
        with back.open("wb") as stream:
            subprocess.run([*ssh, f"cat {there}"], stdout=stream, check=True)

    host.run("true")
    return {
        "upload": upload,
        "ssh_cat_up": ssh_up,
        "download": lambda: fetch(host, str(there), back, digest),
        "ssh_cat_down": ssh_down,
    }


def run_rounds(named: dict[str, Callable[[], object]]) -> dict[str, list[float]]:
    """Megabytes a second, round by round; each way in each round once."""
    speeds: dict[str, list[float]] = {way: [] for way in named}
    for _ in range(ROUNDS):
        for way, action in named.items():
            began = time.perf_counter()
            action()
            speeds[way].append(MEGABYTES / (time.perf_counter() - began))
    return speeds


if __name__ == "__main__":
    if shutil.which("ssh") is None:
        raise SystemExit("needs ssh and sshd")
    print(json.dumps(measure(), indent=1))
