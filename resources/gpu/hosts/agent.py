"""What Outpost does on a host, at the host: `python3 agent.py COMMAND ...`.

A copy of this file travels to each host. It needs Python 3.8 and nothing else. Files are kept
once, in a folder `blobs`, under the SHA-256 of what they hold; a job's folder links to them.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

CHUNK = 1 << 20
REPLY_BYTES = 1 << 20
"""Most of a growing file that one look brings."""
DEADMAN_FILE = ".outpost_deadman.pid"
"""In the home folder of a host that ends itself."""
IDLE_FILE = ".outpost_idle"
"""In the home folder: tells the dead-man switch that somebody still looks after the host."""
GROWING = ("outputs/",)
"""What a job appends to is copied, never linked."""
KEPT = ("torch", "torchvision", "torchaudio")
"""What an environment takes over from the Python that it is made over."""
GRACE_SECONDS = 10.0
UNUSED_SECONDS = 14 * 24 * 3600.0


def main(arguments: list[str]) -> int:
    """Run one command; its answer is JSON on standard output."""
    answer = json.dumps(COMMANDS[arguments[0]](*arguments[1:]))
    # On a line of its own, whatever libraries have printed.
    print(f"\n{answer}", flush=True)
    return 0


def probe(*distributions: str) -> dict[str, Any]:
    """This Python, the versions of some distributions, and whether torch sees a GPU."""
    answer: dict[str, Any] = {
        "python": sys.executable,
        "torch": None,
        "cuda": None,
        "gpu": None,
        "trouble": "",
        "found": {name: version_of(name) for name in distributions},
    }
    try:
        import torch

        gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else None
        if gpu is not None:
            # Some hosts list a GPU that fails at its first use.
            torch.ones(8, device="cuda").sum().item()
    except Exception as error:  # a broken driver raises whatever it likes
        return {**answer, "trouble": f"{error!r}"}
    return {**answer, "torch": torch.__version__, "cuda": torch.version.cuda, "gpu": gpu}


def version_of(distribution: str) -> str | None:
    """The version that this Python has; None where it is missing."""
    import importlib.metadata

    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


def environment(folder: str, *pins: str) -> str:
    """An environment with pinned packages that sees all that this Python sees; its interpreter.

    Not by "system site packages": made over a Python that lives in an environment itself, that
    shows the system's packages and not those of the environment, so torch would be gone. Instead
    a `.pth` file names every folder of packages that this Python looks into, in its order, however
    it came by them (an environment, a chain of them, conda, the user's or Debian's folders).
    torch and its companions stay in the versions that are there.
    """
    import fcntl

    complete, python = Path(folder, "complete"), str(Path(folder, "bin", "python"))
    with Path(f"{folder}.lock").open("w") as lock:
        # Nobody else on this host makes it meanwhile.
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not complete.exists():
            shutil.rmtree(folder, ignore_errors=True)
            make_empty_environment(folder)
            inherit(python)
            install(python, Path(folder), pins)
            complete.touch()
    return python


def make_empty_environment(folder: str) -> None:
    """An environment without packages but, where that can be had, pip."""
    try:
        run(sys.executable, "-m", "venv", folder)
    except SystemExit:
        # Debian has the part that brings pip in a package of its own.
        shutil.rmtree(folder, ignore_errors=True)
        run(sys.executable, "-m", "venv", "--without-pip", folder)


def inherit(python: str) -> None:
    """Have an interpreter see the packages that this one sees."""
    ask = (
        "import json, sys, sysconfig; print(json.dumps([sys.path, sysconfig.get_path('purelib')]))"
    )
    seen, own = json.loads(run(python, "-c", ask).splitlines()[-1])
    # The first is the folder of this file.
    further = [path for path in sys.path[1:] if path not in seen and Path(path).is_dir()]
    lines = [f"import site; site.addsitedir({path!r})\n" for path in further]
    # Last among such files, so that what is installed here comes first.
    Path(own, "zz_outpost_inherited.pth").write_text("".join(lines))


def install(python: str, folder: Path, pins: Sequence[str]) -> None:
    """Install pinned packages by the environment's pip, or the one that it inherits."""
    # Another torch may be one without the GPU, and is gigabytes.
    kept = {name: version for name in KEPT if (version := version_of(name))}
    constraints = folder / "constraints.txt"
    constraints.write_text("".join(f"{name}=={version}\n" for name, version in kept.items()))
    try:
        run(python, "-m", "pip", "--version")
    except SystemExit:
        raise SystemExit(
            "this Python has no pip and cannot bring one (python3-venv or ensurepip is missing)"
        ) from None
    options = ("--quiet", "--no-input", "--disable-pip-version-check")
    run(python, "-m", "pip", "install", *options, "--constraint", str(constraints), *pins)


def run(*words: str) -> str:
    """Run a program; its output.

    Raises:
        SystemExit: it failed; its last words.
    """
    done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode != 0:
        said = (done.stderr.strip() or done.stdout.strip())[-1500:]
        raise SystemExit(f"{Path(words[0]).name} {' '.join(words[1:4])} failed: {said}")
    return done.stdout


def packages() -> list[str]:
    """What `pip freeze` would say, also where there is no pip."""
    import importlib.metadata

    found = importlib.metadata.distributions()
    return sorted({f"{item.metadata['Name']}=={item.version}" for item in found})


def missing_blobs(folder: str) -> list[str]:
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


def link_job(blobs: str, folder: str) -> int:
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


def status(folder: str, log_offset: str, events_offset: str) -> dict[str, Any]:
    """How a job is getting on, and what was written since these offsets."""
    job = Path(folder)
    outputs = job / "outputs"
    state, code = state_of(job)
    idle = Path.home() / IDLE_FILE
    has_switch = (Path.home() / DEADMAN_FILE).exists()
    # Never made before a job has ended: from then on its age ends the host.
    if has_switch and (state in ("ended", "gone") or idle.exists()):
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
    if group is None or is_foreign(group, job):
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


def files(folder: str) -> dict[str, str]:
    """The digest of every file below a folder; those that are not whole left out."""
    root = Path(folder)
    found = {}
    for file in sorted(root.rglob("*")):
        is_part = file.name.startswith(".") and file.name.endswith(".part")
        if file.is_file() and not file.name.endswith(".tmp") and not is_part:
            found[file.relative_to(root).as_posix()] = sha256_of(file)
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
    if lives(group) and not is_foreign(group, job):
        return "running", None
    # It may have ended between the two looks.
    if (job / "rc").is_file():
        return "ended", int((job / "rc").read_text())
    return "gone", None


def group_of(job: Path) -> int | None:
    """The process that leads all of a job's, as it wrote it down itself."""
    file = job / "pid"
    return int(file.read_text()) if file.is_file() else None


def is_foreign(pid: int, job: Path) -> bool:
    """Whether a process is another one than the job's: after a restart, numbers are given anew."""
    try:
        return Path(f"/proc/{pid}/cwd").resolve(strict=True) != job.resolve()
    except FileNotFoundError:
        return False  # gone, or a zombie
    except OSError:
        return Path("/proc/self").exists()


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


COMMANDS: dict[str, Callable[..., Any]] = {
    command.__name__: command
    for command in (
        probe,
        environment,
        packages,
        missing_blobs,
        unpack,
        link_job,
        status,
        stop,
        files,
        clear,
    )
}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
