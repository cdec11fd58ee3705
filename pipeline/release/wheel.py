"""The wheel that carries a bundle, so that a detector is installed like any package.

It holds one package with the bundle's files beside its `__init__.py`, and announces it to the
runtime through an entry point (`detector_runtime.bundle`).

Written by hand with the standard library: every byte is decided here, so the same bundle gives the
same wheel on any machine. Files are stored, not deflated, for the same reason.
"""

from __future__ import annotations

import base64
import hashlib
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path

from detector_runtime.bundle import ENTRY_POINT_GROUP

from pipeline.errors import OutpostError

MODEL_LICENCE = "AGPL-3.0-or-later"
"""Of what was trained with ultralytics."""

_EARLIEST = (1980, 1, 1, 0, 0, 0)
"""The first moment that a zip archive can express."""
_READABLE_FILE = 0o100644 << 16
_UNIX = 3
_VERSION = re.compile(r"\d+(\.\d+)*(\+[a-z0-9]+(\.[a-z0-9]+)*)?")


class WheelError(OutpostError):
    """A wheel that no installer would take."""


def build_wheel(folder: Path, bundle: Path, game: str, version: str) -> Path:
    """Write the wheel of a bundle, and return its path.

    Args:
        folder: receives the wheel.
        bundle: directory of the bundle; every file in it travels.
        game: name of the game pack; part of the package's name.
        version: numbers with dots, and what tells builds apart after a plus:
            `1.0.0+3f2a9c`.

    Raises:
        WheelError: the version is not one, or the bundle is empty.
    """
    if not _VERSION.fullmatch(version):
        raise WheelError(
            f"'{version}' is not the version of a package.", "Write it like 1.0.0+3f2a9c (PEP 440)."
        )
    package = f"outpost_{game}_detector"
    content = _bundle_files(package, bundle)
    if not content:
        raise WheelError(f"{bundle} holds no files.", "Materialize runtime_package again.")
    about = f'"""The detector of {game}: once installed, get_detector() finds it."""\n'
    content[f"{package}/__init__.py"] = about.encode()
    information = f"{package}-{version}.dist-info"
    content |= {f"{information}/{name}": text for name, text in _texts(game, version).items()}
    content[f"{information}/RECORD"] = _record(content, f"{information}/RECORD")
    wheel = folder / f"{package}-{version}-py3-none-any.whl"
    _write_archive(wheel, content)
    return wheel


def _bundle_files(package: str, bundle: Path) -> dict[str, bytes]:
    files = sorted(file for file in bundle.rglob("*") if file.is_file())
    return {f"{package}/{file.relative_to(bundle).as_posix()}": file.read_bytes() for file in files}


def _texts(game: str, version: str) -> dict[str, bytes]:
    """What installers read about the package."""
    name = f"outpost-{game.replace('_', '-')}-detector"
    metadata = f"""\
Metadata-Version: 2.4
Name: {name}
Version: {version}
Summary: Detector of {game} screenshots, for detector_runtime.
License-Expression: {MODEL_LICENCE}
Requires-Python: >=3.10
Requires-Dist: detector-runtime
Description-Content-Type: text/markdown

# {name}

```python
from detector_runtime import get_detector

entities = get_detector().detect_fast("screenshot.png")
```
"""
    wheel = "Wheel-Version: 1.0\nGenerator: outpost\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    entry_points = f"[{ENTRY_POINT_GROUP}]\n{game} = outpost_{game}_detector\n"
    texts = {"METADATA": metadata, "WHEEL": wheel, "entry_points.txt": entry_points}
    return {file: text.encode() for file, text in texts.items()}


def _record(content: Mapping[str, bytes], own_name: str) -> bytes:
    """Digest and size of every file; the record has none of itself."""
    lines = [f"{name},sha256={_digest(data)},{len(data)}" for name, data in sorted(content.items())]
    return "".join(f"{line}\n" for line in [*lines, f"{own_name},,"]).encode()


def _digest(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()


def _write_archive(file: Path, content: Mapping[str, bytes]) -> None:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        # Installers like the package's description at the end of the archive.
        for name in sorted(content, key=lambda name: (".dist-info/" in name, name)):
            entry = zipfile.ZipInfo(name, _EARLIEST)
            entry.create_system, entry.external_attr = _UNIX, _READABLE_FILE
            archive.writestr(entry, content[name])
