"""The one checkpoint of a job: the folder of all policies so far, as an archive of plain tensors.

Each policy's own checkpoints are in it, so that those of earlier policies, the best and those of
every n-th epoch are there again wherever the job goes on.
"""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

from pipeline.jobs.program.constants import CHECKPOINT_FILE, RESUME_FILE
from pipeline.jobs.program.outputs import Outputs

MEMBER = re.compile(r"(strategist|tactician|executor)/(best|last|epoch-\d{5})\.safetensors")


def archive_policies(policies: Path, file: Path) -> None:
    """Pack the checkpoints of all policies; equal ones, equal bytes."""
    with zipfile.ZipFile(file, "w") as archive:
        for source in sorted(policies.glob("*/*.safetensors")):
            info = zipfile.ZipInfo(source.relative_to(policies).as_posix())
            info.create_system = 3  # Else Windows writes other bytes.
            archive.writestr(info, source.read_bytes())


def continue_training(folder: Path, outputs: Outputs, policies: Path) -> bool:
    """Lay out what an earlier start of the same training has kept; whether there was something.

    Args:
        folder: of the job.
        policies: where the policies learn; must be absent or empty.
    """
    for file in (outputs.folder / CHECKPOINT_FILE, folder / RESUME_FILE):
        if file.is_file():
            unpack_policies(file, policies)
            return True
    return False


def unpack_policies(file: Path, policies: Path) -> None:
    """Write what `archive_policies` packed.

    Raises:
        ValueError: it is something else.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            names = archive.namelist()
            if not all(map(MEMBER.fullmatch, names)):
                raise ValueError("the checkpoint is not of policies")
            for name in names:
                (policies / name).parent.mkdir(parents=True, exist_ok=True)
                (policies / name).write_bytes(archive.read(name))
    except zipfile.BadZipFile as error:
        raise ValueError(f"the checkpoint cannot be read: {error}") from error
