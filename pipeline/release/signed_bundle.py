"""A signed bundle in a folder: for models that are handed over, and not published."""

from __future__ import annotations

import shutil
import uuid
from datetime import datetime
from pathlib import Path

from detector_runtime.bundle import MANIFEST_NAME, Bundle
from detector_runtime.updates.documents import KEYS_FILE, MANIFEST_FILE, ReleaseMetrics
from detector_runtime.updates.signatures import SigningKey, sign

from pipeline.errors import OutpostError
from pipeline.release.openssf import SIGNATURE_FILE, OpenssfKey, signature_of
from pipeline.release.version import interval_of, manifest_of_files


class SigningError(OutpostError):
    """A bundle that cannot be signed as it is, or a folder that is in use."""


def sign_bundle(
    bundle: Path,
    folder: Path,
    model: str,
    key: SigningKey,
    keys: bytes,
    created_at: datetime,
    openssf: OpenssfKey | None = None,
) -> None:
    """Write a bundle's files into a new folder, with a signed manifest and the keys that count.

    It has number 1: whoever compares it with published versions takes those for newer.

    Args:
        bundle: a folder or a zip.
        folder: does not exist yet; it is there afterwards whole or not at all.
        model: whose keys these are.
        keys: the content of the model's keys.json.
        created_at: the time of signing, UTC.
        openssf: also writes a signature of all these files that tools of others verify.

    Raises:
        BundleError: the bundle is damaged, or too new for this runtime.
        SigningError: it is a bundle of another model, or the folder is there already.
    """
    if folder.exists():
        raise SigningError(f"{folder} is there already.", "Name a folder that does not exist yet.")
    opened = Bundle.load(bundle)
    said = opened.manifest
    if said.name != model:
        raise SigningError(
            f"{bundle} is a bundle of {said.name}, and these are the keys of {model}.",
            f"Name the game whose keys are to sign it: --game {said.name}.",
        )
    staged = folder.with_name(f".{folder.name}.{uuid.uuid4().hex[:8]}.tmp")
    try:
        contents = {**opened.contents, MANIFEST_NAME: said.to_json().encode()}
        for name, content in contents.items():
            (staged / name).parent.mkdir(parents=True, exist_ok=True)
            (staged / name).write_bytes(content)
        manifest = manifest_of_files(
            said,
            {name: staged / name for name in contents},
            name=model,
            sequence=1,
            created_at=created_at,
            metrics=ReleaseMetrics(real_micro_f1=interval_of(said)),
            lineage={key: str(value) for key, value in said.lineage.items()},
        )
        (staged / MANIFEST_FILE).write_bytes(sign(manifest, key).to_bytes())
        (staged / KEYS_FILE).write_bytes(keys)
        if openssf is not None:
            (staged / SIGNATURE_FILE).write_bytes(signature_of(staged, model, openssf))
        staged.rename(folder)
    except OSError as error:
        raise SigningError(
            f"{folder} cannot be written: {error.strerror or error}.",
            "Choose a folder on a disk with room that you may write to.",
        ) from error
    finally:
        shutil.rmtree(staged, ignore_errors=True)
