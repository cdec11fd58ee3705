"""Pythons as hosts have them: in environments, like conda's, without pip; and packages for them.

The torch in them is a few lines long and sees a GPU, or none.
"""

from __future__ import annotations

import base64
import hashlib
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

BASE = Path(getattr(sys, "_base_executable", sys.executable)).resolve()
"""The interpreter below all environments."""
GPU = "Dummy GPU"
TORCH = "2.8.0"
_LIBRARY = f"lib/python{sys.version_info.major}.{sys.version_info.minor}"
_TORCH_SOURCE = """\
print("torch greets, too")
__version__ = {version!r}
class version: cuda = "12.8"
class cuda:
    is_available = staticmethod(lambda: {gpu!r} is not None)
    get_device_name = staticmethod(lambda: {gpu!r})
class ones:
    def __init__(self, *_, **__): pass
    def sum(self): return self
    def item(self): return 8.0
"""


def make_venv(folder: Path, python: Path = BASE, *options: str) -> Path:
    """A virtual environment without pip; its interpreter."""
    command = [str(python), "-m", "venv", "--without-pip", *options, str(folder)]
    subprocess.run(command, check=True)
    return folder / "bin" / "python"


def make_uv_venv(folder: Path) -> Path:
    """An environment as uv makes it; its interpreter."""
    command = ["uv", "venv", "--quiet", "--offline", "--python", str(BASE), str(folder)]
    subprocess.run(command, check=True)
    return folder / "bin" / "python"


def make_prefix(folder: Path, with_ensurepip: bool = True) -> Path:
    """A whole Python of its own as conda has them: no environment, its packages in its own tree."""
    library = folder / _LIBRARY
    (library / "site-packages").mkdir(parents=True)
    (folder / "bin").mkdir()
    (folder / "conda-meta").mkdir()
    for entry in (BASE.parent.parent / _LIBRARY).iterdir():
        if entry.name == "site-packages" or (entry.name == "ensurepip" and not with_ensurepip):
            continue
        (library / entry.name).symlink_to(entry)
    for shared in (BASE.parent.parent / "lib").glob("libpython*"):
        (folder / "lib" / shared.name).symlink_to(shared)
    python = folder / "bin" / "python3"
    shutil.copy2(BASE, python)
    return python


def site_of(python: Path) -> Path:
    """Where an interpreter's packages lie."""
    ask = "import sysconfig; print(sysconfig.get_path('purelib'))"
    command = [str(python), "-c", ask]
    return Path(subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip())


def give_torch(
    python: Path, gpu: str | None = GPU, version: str = TORCH, described: bool = True
) -> None:
    """Lay a torch into an interpreter's packages.

    Args:
        python: the interpreter.
        gpu: what it sees.
        version: of the package.
        described: whether pip can see it, as it cannot see what was built in place.
    """
    site = site_of(python)
    (site / "torch").mkdir()
    (site / "torch" / "__init__.py").write_text(_TORCH_SOURCE.format(version=version, gpu=gpu))
    if described:
        (site / f"torch-{version}.dist-info").mkdir()
        metadata = f"Metadata-Version: 2.1\nName: torch\nVersion: {version}\n"
        (site / f"torch-{version}.dist-info" / "METADATA").write_text(metadata)


def give_pip(python: Path) -> None:
    """Lay the pip that comes with Python into an interpreter's packages."""
    bundled = BASE.parent.parent / _LIBRARY / "ensurepip" / "_bundled"
    (wheel,) = bundled.glob("pip-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site_of(python))


def write_wheel(folder: Path, name: str, version: str, *requires: str, source: str = "") -> None:
    """A package that pip finds in a folder (`PIP_FIND_LINKS`)."""
    folder.mkdir(exist_ok=True)
    module = name.replace("-", "_")
    described = f"{module}-{version}.dist-info"
    needs = "".join(f"Requires-Dist: {one}\n" for one in requires)
    files = {
        f"{module}/__init__.py": source,
        f"{described}/METADATA": (
            f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needs}"
        ),
        f"{described}/WHEEL": (
            "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        ),
    }
    rows = [f"{file},{_digest(content)},{len(content)}" for file, content in files.items()]
    files[f"{described}/RECORD"] = "\n".join([*rows, f"{described}/RECORD,,", ""])
    with zipfile.ZipFile(folder / f"{module}-{version}-py3-none-any.whl", "w") as wheel:
        for file, content in files.items():
            wheel.writestr(file, content)


def write_torch_wheel(folder: Path, version: str, gpu: str | None) -> None:
    """A torch that pip would install."""
    write_wheel(folder, "torch", version, source=_TORCH_SOURCE.format(version=version, gpu=gpu))


def _digest(content: str) -> str:
    digest = base64.urlsafe_b64encode(hashlib.sha256(content.encode()).digest())
    return f"sha256={digest.decode().rstrip('=')}"
