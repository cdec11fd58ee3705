"""What Outpost does on a host, at the host: `python3 on_host.py COMMAND ...`.

A copy of this file travels to each host. It needs Python 3.8 and nothing besides. Files are kept
once, in a folder `blobs`, under the SHA-256 of what they hold; a job's folder links to them.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import signal
import sys
import tarfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

CHUNK = 1 << 20
REPLY_BYTES = 1 << 20
"""Most of a growing file that one look brings."""
IDLE_FILE = ".outpost_idle"
"""In the home folder: tells the dead-man switch that somebody still looks after the host."""
GROWING = ("outputs/",)
"""What a job appends to is copied, never linked."""
GRACE_SECONDS = 10.0
UNUSED_SECONDS = 14 * 24 * 3600.0


def main(arguments: list[str]) -> int:
    """Run one command; its answer is JSON on standard output."""
    commands: dict[str, Callable[..., Any]] = {
        "probe": probe,
        "packages": packages,
        "lacking": lacking,
        "unpack": unpack,
        "lay": lay,
        "look": look,
        "stop": stop,
        "files": files,
        "clear": clear,
    }
    print(json.dumps(commands[arguments[0]](*arguments[1:])))
    return 0


def probe(*distributions: str) -> dict[str, Any]:
    """This Python, the versions of some distributions, and whether torch sees a GPU."""
    import importlib.metadata
    import platform

    found: dict[str, str | None] = {}
    for name in distributions:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = None
    try:
        import torch

        gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else None
        if gpu is not None:
            # Some hosts list a GPU that fails at its first use.
            torch.ones(8, device="cuda").sum().item()
    except Exception as error:  # a broken driver raises whatever it likes
        return {"python": sys.executable, "found": found, "trouble": f"{error!r}", "gpu": None}
    return {
        "python": sys.executable,
        "python_version": platform.python_version(),
        "found": found,
        "torch": torch.__version__,
        "cuda": torch.version.cuda,
        "gpu": gpu,
        "trouble": "",
    }


def packages() -> list[str]:
    """What `pip freeze` would say, also where there is no pip."""
    import importlib.metadata

    found = importlib.metadata.distributions()
    return sorted({f"{item.metadata['Name']}=={item.version}" for item in found})


def lacking(folder: str) -> list[str]:
    """Which of the digests on standard input are not among the blobs; a damaged blob is removed."""
    missing = []
    for digest in sys.stdin.read().split():
        blob = Path(folder, digest)
        if blob.is_file() and sha256_of(blob) == digest:
            continue
        if blob.exists():
            blob.unlink()
        missing.append(digest)
    return missing


def unpack(archive: str, members: str, folder: str) -> int:
    """Take a tar of files that are named by their digests into the blobs, and remove it."""
    blobs = Path(folder)
    blobs.mkdir(parents=True, exist_ok=True)
    count = 0
    with tarfile.open(archive) as tar:
        for member in tar:
            source = tar.extractfile(member)
            if source is None or "/" in member.name:
                raise SystemExit(f"{member.name!r} is no blob")
            temporary = blobs / f".{member.name}.tmp"
            with temporary.open("wb") as target:
                shutil.copyfileobj(source, target, CHUNK)
            if sha256_of(temporary) != member.name:
                raise SystemExit(f"{member.name} holds something else")
            temporary.replace(blobs / member.name)
            count += 1
    if count != int(members):
        raise SystemExit(f"{count} members came instead of {members}")
    Path(archive).unlink()
    return count


def lay(blobs: str, folder: str) -> int:
    """Fill a job's folder: standard input is JSON of relative path and digest."""
    wanted = json.load(sys.stdin)
    job = Path(folder)
    for name, digest in wanted.items():
        target = job / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.exists():
            target.unlink()
        if name.startswith(GROWING):
            shutil.copyfile(Path(blobs, digest), target)
            continue
        os.utime(Path(blobs, digest))
        try:
            os.link(Path(blobs, digest), target)
        except OSError:
            shutil.copyfile(Path(blobs, digest), target)
    return len(wanted)


def look(folder: str, log_offset: str, events_offset: str) -> dict[str, Any]:
    """How a job is getting on, and what was written since these offsets."""
    job = Path(folder)
    outputs = job / "outputs"
    state, code = state_of(job)
    idle = Path.home() / IDLE_FILE
    # Never made before a job has ended: from then on its age ends the host.
    if state in ("ended", "gone") or idle.exists():
        idle.touch()
    checkpoint = outputs / "checkpoint.json"
    return {
        # Read before the files: what is written up to the end is then there to be read.
        "state": state,
        "code": code,
        "log": grown(outputs / "log.txt", int(log_offset)),
        "events": grown(outputs / "metrics.jsonl", int(events_offset)),
        "checkpoint": json.loads(checkpoint.read_text()) if checkpoint.is_file() else None,
    }


def stop(folder: str) -> str:
    """End a job and everything that it started."""
    job = Path(folder)
    group = group_of(job)
    if group is None:
        return "none"
    for number, seconds in ((signal.SIGTERM, GRACE_SECONDS), (signal.SIGKILL, GRACE_SECONDS)):
        try:
            os.killpg(group, number)
        except ProcessLookupError:
            return "ended"
        ends = time.monotonic() + seconds
        while time.monotonic() < ends and group_lives(group):
            time.sleep(0.1)
    return "ended"


def files(folder: str) -> dict[str, dict[str, Any]]:
    """Every file below a folder, with size and digest; those that are being written left out."""
    root = Path(folder)
    found = {}
    for file in sorted(root.rglob("*")):
        if file.is_file() and not file.name.endswith(".tmp"):
            name = file.relative_to(root).as_posix()
            found[name] = {"size": file.stat().st_size, "sha256": sha256_of(file)}
    return found


def clear(jobs: str, prefix: str) -> list[str]:
    """End and remove the jobs that begin with a prefix; the names of others that still run.

    Blobs that no job has used for a while go, too.
    """
    others = []
    for job in sorted(Path(jobs).glob("*")):
        if job.name.startswith(prefix):
            stop(str(job))
            shutil.rmtree(job, ignore_errors=True)
        elif state_of(job)[0] == "running":
            others.append(job.name)
    for blob in Path(jobs).parent.joinpath("blobs").glob("*"):
        if blob.stat().st_nlink == 1 and time.time() - blob.stat().st_mtime > UNUSED_SECONDS:
            blob.unlink()
    return others


def state_of(job: Path) -> tuple[str, int | None]:
    """'running', 'ended' with its exit code, 'gone' without one, or 'none'."""
    if (job / "rc").is_file():
        return "ended", int((job / "rc").read_text())
    group = group_of(job)
    if group is None:
        return "none", None
    if lives(group):
        return "running", None
    # It may have ended between the two looks.
    if (job / "rc").is_file():
        return "ended", int((job / "rc").read_text())
    return "gone", None


def group_of(job: Path) -> int | None:
    """The process that leads all of a job's, as it wrote it down itself."""
    file = job / "pid"
    return int(file.read_text()) if file.is_file() else None


def lives(pid: int) -> bool:
    """Whether a process exists and is more than a zombie, which nobody may ever wait for here."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return stat_of(pid)[0] != "Z"


def group_lives(group: int) -> bool:
    """Whether any process of a group does more than wait to be forgotten."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            state, rest = stat_of(int(entry.name))
            if state not in ("Z", "") and rest[1:2] == [str(group)]:
                return True
    return False


def stat_of(pid: int) -> tuple[str, list[str]]:
    """State, and what follows it: parent, group, session and so on."""
    try:
        words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return "", []
    return words[0], words[1:]


def grown(file: Path, offset: int) -> str:
    """What a file holds from an offset on, in base64."""
    if not file.is_file():
        return ""
    with file.open("rb") as stream:
        stream.seek(offset)
        return base64.b64encode(stream.read(REPLY_BYTES)).decode()


def sha256_of(file: Path) -> str:
    """Digest of a file's bytes; `hashlib.file_digest` came only with Python 3.11."""
    digest = hashlib.sha256()
    with file.open("rb") as stream:
        while chunk := stream.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
