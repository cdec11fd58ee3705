"""The runtime package as an artifact: a bundle, and the wheel that carries it."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path

from detector_runtime.bundle import Bundle, BundleManifest
from detector_runtime.errors import BundleError

from pipeline.errors import OutpostError
from pipeline.export.onnx_export import OnnxExport
from pipeline.release.bundle import Release, write_bundle
from pipeline.release.wheel import build_wheel

BUNDLE_FOLDER = "bundle"
PACKAGE_AGAIN = "Materialize runtime_package again."


class RuntimePackageError(OutpostError):
    """A folder that holds no runtime package, or not all of it."""


@dataclass(frozen=True)
class RuntimePackage:
    """The artifact of `runtime_package`.

    bundle/     what the detector loads
    *.whl       the same, to install
    """

    folder: Path
    manifest: BundleManifest
    wheel: Path

    @classmethod
    def open(cls, folder: Path) -> RuntimePackage:
        """Read what `write` wrote; every file of the bundle is verified.

        Raises:
            RuntimePackageError: bundle or wheel are missing or damaged.
        """
        try:
            manifest = Bundle.load(folder / BUNDLE_FOLDER).manifest
        except BundleError as error:
            raise RuntimePackageError(error.problem, PACKAGE_AGAIN) from error
        wheels = sorted(folder.glob("*.whl"))
        if len(wheels) != 1 or not zipfile.is_zipfile(wheels[0]):
            raise RuntimePackageError(f"{folder} holds no whole wheel.", PACKAGE_AGAIN)
        return cls(folder, manifest, wheels[0])

    @classmethod
    def write(cls, folder: Path, export: OnnxExport, release: Release) -> RuntimePackage:
        """Write bundle and wheel.

        Args:
            folder: empty.
            export: its model is linked rather than copied where that is possible.
            release: what else the bundle says.

        Raises:
            BundleError: the runtime would not take the bundle.
            WheelError: no installer would take the wheel.
        """
        bundle = folder / BUNDLE_FOLDER
        manifest = write_bundle(bundle, export.model, export.contract, release)
        wheel = build_wheel(folder, bundle, release.game, release.version)
        return cls(folder, manifest, wheel)

    @property
    def bundle(self) -> Path:
        """The folder that the detector loads."""
        return self.folder / BUNDLE_FOLDER
