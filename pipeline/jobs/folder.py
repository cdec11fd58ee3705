"""The folder that carries a job to a host, complete: whoever has it needs nothing of Outpost."""

from __future__ import annotations

import importlib.util
import shutil
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath

from pipeline.errors import OutpostError
from pipeline.files import write_text
from pipeline.jobs.program.constants import JOB_FILE, PROGRAM_FILE, RESUME_FILE
from pipeline.jobs.program.outputs import sidecar_of
from pipeline.links import link_file, link_tree

SHARED = ("pipeline.jobs.program", "detector_runtime.system.cores")
"""What every packed program may import beside itself."""
Program = str | Path | Sequence[str]
"""See `pack_program`."""
ENTRY = """import sys

from {package}.main import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
"""


class JobError(OutpostError):
    """A job that could not run on any host."""


def write_job_folder(
    folder: Path,
    program: Program,
    job: str,
    inputs: Mapping[str, Path],
    resume: Path | None = None,
) -> Path:
    """Fill an empty folder with everything that a job needs; the path of its job file.

    Inputs are linked file by file, so that what a program writes beside them changes nothing of
    theirs. Where links are impossible, files are copied.

    Args:
        folder: created; must be absent or empty.
        program: see `pack_program`.
        job: JSON for the program.
        inputs: files and folders by the name that the program knows them by.
        resume: the `checkpoint.pt` of a job of this kind, to go on from; its `checkpoint.json` is
            taken along where it lies beside it.

    Raises:
        JobError: the folder is not empty, or there is no such checkpoint.
    """
    if resume is not None and not resume.is_file():
        raise JobError(
            f"There is no checkpoint at {resume}.",
            "Correct the path, or leave resume out to start over.",
        )
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise JobError(f"{folder} is not empty.", "Give the job a folder of its own.")
    pack_program(program, folder / PROGRAM_FILE)
    for name, source in inputs.items():
        (link_tree if source.is_dir() else link_file)(source, folder / name)
    if resume is not None:
        link_file(resume, folder / RESUME_FILE)
        if sidecar_of(resume).is_file():
            link_file(sidecar_of(resume), sidecar_of(folder / RESUME_FILE))
    file = folder / JOB_FILE
    write_text(file, f"{job}\n")
    return file


def pack_program(program: Program, target: Path) -> None:
    """Pack a program as one file that `python FILE` runs (a zipapp); same code, same bytes.

    Its modules keep their names, and so do those of `SHARED` that come along; the packages above
    them are empty in the file, so that nothing else of Outpost is asked for on a host.

    Args:
        program: dotted name of a package, whose `main.main(arguments)` returns the exit code; or
            several names, of which the others are packages that it imports; or a single script,
            which is copied.
        target: the file to write.
    """
    if isinstance(program, Path):
        shutil.copyfile(program, target)
        return
    named = (program,) if isinstance(program, str) else tuple(program)
    modules = dict(item for name in (*named, *SHARED) for item in _modules_of(name))
    above = {parent for file in modules for parent in PurePosixPath(file).parents if parent.name}
    entries = {f"{parent}/__init__.py": b"" for parent in above}
    entries["__main__.py"] = ENTRY.format(package=named[0]).encode()
    # A checkout on Windows may have other line ends.
    entries |= {file: path.read_bytes().replace(b"\r\n", b"\n") for file, path in modules.items()}
    with zipfile.ZipFile(target, "w") as archive:
        for file, content in sorted(entries.items()):
            info = zipfile.ZipInfo(file)
            info.create_system = 3  # Else Windows writes other bytes.
            archive.writestr(info, content)


def _modules_of(name: str) -> Iterator[tuple[str, Path]]:
    """The files of a module or a package, by their place in the packed program."""
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"there is no module {name}")
    place, origin = name.replace(".", "/"), Path(spec.origin)
    if origin.name != "__init__.py":
        yield f"{place}.py", origin
        return
    for file in origin.parent.rglob("*.py"):
        yield f"{place}/{file.relative_to(origin.parent).as_posix()}", file
