"""Where an artifact came from: the record that every build leaves beside its files.

The *input key* is the digest of everything that decides an artifact's content: which asset, which
code, which configuration and which versions of its inputs. Two builds with one key make the same
thing, so the second can be skipped. The run, the time and the machine are recorded but count for
nothing.
"""

from __future__ import annotations

import hashlib
import importlib.util
import platform
import re
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed_version
from itertools import chain
from pathlib import Path
from typing import Any

from pydantic import Field

from pipeline.manifests import Record, digest_of

DOMAIN = Path(__file__).parent
IMPORT = re.compile(
    rf"^\s*(?:from ({DOMAIN.name}(?:\.\w+)*) import (\([^)]*\)|[^\n(]+)"
    rf"|import ({DOMAIN.name}(?:\.\w+)*))",
    re.MULTILINE,
)
WITHOUT_EFFECT = frozenset(
    f"{DOMAIN.name}.{name}"
    for name in ("errors", "links", "manifests", "processes", "progress", "provenance")
)
"""Words for people, and how things are kept and work is shared: no artifact's content follows."""
LIBRARIES = (
    *("llvmlite", "numba", "numpy", "onnx", "onnxslim", "opencv-python-headless", "pillow"),
    *("pyyaml", "torch", "torchvision", "ultralytics-opencv-headless"),
)
"""Distributions that decide bytes of artifacts, where another version may decide otherwise."""


class ArtifactVersion(Record):
    """One version of one asset, or of one of its partitions."""

    asset: str = Field(description="Asset key with slashes, for example 'demo/sprites'.")
    partition: str | None = None
    data_version: str = Field(description="Digest of the artifact's manifest.")

    @property
    def kind(self) -> str:
        """The asset without its game, for example 'sprites'."""
        return self.asset.rpartition("/")[2]

    def __str__(self) -> str:
        return f"{asset_name(self.asset, self.partition)} {self.data_version[:12]}"


class Recipe(Record):
    """Everything that decides what an artifact contains.

    Records are filed under the key of these fields and trusted only there: a field that is added or
    renamed changes every key, so that earlier builds are made again and their records read as
    changed.
    """

    asset: str
    partition: str | None = None
    code_version: str = Field(description="Digest of the code that makes the asset.")
    config: dict[str, Any] = Field(description="Effective configuration, as JSON values.")
    inputs: tuple[ArtifactVersion, ...] = ()

    @property
    def input_key(self) -> str:
        """Equal keys mean equal content."""
        return digest_of(self.model_dump(mode="json"))


class Environment(Record):
    """Where code ran: what may change bytes, and stands in no code version."""

    python: str = Field(description="Version, for example 3.11.7.")
    platform: str = Field(description="Operating system and processor: Linux x86_64.")
    libraries: dict[str, str] = Field(description="Installed versions of `LIBRARIES`.")

    def difference_from(self, other: Environment) -> str | None:
        """The first part that another environment has otherwise, this one's value first."""
        parts = [
            ("Python", self.python, other.python),
            ("the platform", self.platform, other.platform),
            *(
                (name, self.libraries.get(name, "none"), other.libraries.get(name, "none"))
                for name in sorted(self.libraries.keys() | other.libraries.keys())
            ),
        ]
        return next((f"{name}: {a} then, {b} now" for name, a, b in parts if a != b), None)


class RecordSignature(Record):
    """Whose word a record is; says nothing until it is verified."""

    key_id: str = Field(
        pattern="^[0-9a-f]{16}$",
        description="First digits of the SHA-256 of the public key (RFC 8032, 32 bytes).",
    )
    signature: str = Field(description="Ed25519 over `Provenance.signed_content`, in base64.")


class Provenance(Record):
    """How one version of an artifact was made."""

    recipe: Recipe
    data_version: str
    run_id: str = Field(description="The orchestrator's run that made it.")
    made_at: str = Field(description="UTC, ISO 8601.")
    seconds: float = Field(ge=0, description="What making it took.")
    outpost_version: str
    environment: Environment | None = Field(
        None,
        description="Of the process that stored the version; a host that it had the work done on "
        "may have another. None in records of before it was kept.",
    )
    signature: RecordSignature | None = Field(
        None, description="None in records of before they were signed, or where no key was."
    )

    @property
    def version(self) -> ArtifactVersion:
        """The artifact that this record belongs to."""
        return ArtifactVersion(
            asset=self.recipe.asset, partition=self.recipe.partition, data_version=self.data_version
        )

    @property
    def signed_content(self) -> bytes:
        """What a signature of the record is made over: all that it says, and what kind it is.

        A field without a value counts as one that is not there, so that one which is added to
        records leaves signatures of before as they were. One that is added to a part of a record
        would make them wrong.
        """
        said = self.model_dump(mode="json", exclude={"signature"})
        known = {name: value for name, value in said.items() if value is not None}
        return f"outpost-record:{digest_of(known)}".encode()


def asset_name(asset: str, partition: str | None) -> str:
    """An asset as people read it, with the partition if there is one: `demo/cvat_export [bay]`."""
    return f"{asset} [{partition}]" if partition else asset


@cache
def environment_here() -> Environment:
    """Of this process."""
    return Environment(
        python=platform.python_version(),
        platform=f"{platform.system()} {platform.machine()}",
        libraries=dict(_installed(LIBRARIES)),
    )


@cache
def code_version_of(*modules: str) -> str:
    """Digest of the source of modules and whole packages, named with dots."""
    return _digest(source for module in sorted(modules) for source in _sources_of(module))


@cache
def code_version_behind(
    *roots: str, without: frozenset[str] = frozenset(), whole: tuple[str, ...] = ()
) -> str:
    """Digest of the source of modules and of all modules of the domain that they import.

    Args:
        roots: named with dots.
        without: modules from which nothing follows for what is made; neither they nor what only
            they import counts. `WITHOUT_EFFECT` never does.
        whole: modules and packages that count too, without what they import, as in
            `code_version_of`: those outside the domain, and programs that run by themselves.
    """
    modules = sorted(modules_behind(*roots, without=without))
    imported = ((module, _domain_file(module)) for module in modules)
    named = (source for module in sorted(whole) for source in _sources_of(module))
    return _digest(chain(imported, named))


@cache
def modules_behind(*roots: str, without: frozenset[str] = frozenset()) -> frozenset[str]:
    """The modules that `code_version_behind` takes the digest of; see there.

    Of a package that is imported, its `__init__` counts and what that imports.
    """
    waiting, found = set(roots), set[str]()
    while waiting:
        name = waiting.pop()
        found.add(name)
        waiting |= _imports_of(name) - found - without - WITHOUT_EFFECT
    return frozenset(found)


def _installed(names: Iterable[str]) -> Iterator[tuple[str, str]]:
    for name in names:
        try:
            yield name, installed_version(name)
        except PackageNotFoundError:
            continue


def _digest(sources: Iterable[tuple[str, Path]]) -> str:
    """Line ends are normalised, so that a checkout on Windows has the same code version."""
    digest = hashlib.sha256()
    for name, file in sources:
        digest.update(name.encode())
        digest.update(file.read_bytes().replace(b"\r\n", b"\n"))
    return digest.hexdigest()[:16]


def _imports_of(module: str) -> set[str]:
    """Modules and packages of the domain that a module imports anywhere."""
    named = set[str]()
    for package, inside, alone in IMPORT.findall(_domain_file(module).read_text("utf-8")):
        names = re.findall(r"\w+", re.sub(r" as \w+", "", inside))
        named |= {package, *(f"{package}.{name}" for name in names)} if package else {alone}
    return {name for name in named if _domain_file(name).is_file()}


def _domain_file(name: str) -> Path:
    place = DOMAIN.parent / name.replace(".", "/")
    return place / "__init__.py" if place.is_dir() else place.with_suffix(".py")


def _sources_of(module: str) -> Iterator[tuple[str, Path]]:
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"no source for the module {module}")
    origin = Path(spec.origin)
    if origin.name != "__init__.py":
        yield module, origin
        return
    for file in sorted(origin.parent.rglob("*.py")):
        yield f"{module}/{file.relative_to(origin.parent).as_posix()}", file
