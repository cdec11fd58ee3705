"""Every resource on one state folder, for definitions, commands and tests."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from resources.artifacts import Artifacts
from resources.contributions import Contributions
from resources.cvat import Cvat
from resources.exports import Exports
from resources.game_files import GameFiles
from resources.gpu.resource import Gpu, gpu_from_environment
from resources.paths import Paths
from resources.releases.resource import Releases
from resources.screenshots import Screenshots
from resources.state import StateFolder


@dataclass(frozen=True)
class Resources:
    """What assets and commands work with."""

    paths: Paths
    artifacts: Artifacts
    exports: Exports
    game: GameFiles
    screenshots: Screenshots
    cvat: Cvat
    releases: Releases
    contributions: Contributions

    @classmethod
    def of(cls, paths: Paths) -> Resources:
        """All of them in one state folder."""
        cvat = Cvat()
        return cls(
            paths,
            Artifacts(paths=paths),
            Exports(paths=paths, cvat=cvat),
            GameFiles(paths=paths),
            Screenshots(paths=paths),
            cvat,
            Releases(),
            Contributions(paths=paths),
        )

    @property
    def state(self) -> StateFolder:
        """Each part of the state folder by name."""
        return self.paths.state

    @cached_property
    def gpu(self) -> Gpu:
        """Training where `OUTPOST_GPU` says, or here; made for those alone who ask for it.

        Raises:
            GpuSettingsError: the environment describes a GPU that is not possible.
        """
        return gpu_from_environment(self.paths)

    def by_name(self) -> dict[str, Any]:
        """As Dagster wants them.

        Raises:
            GpuSettingsError: the environment describes a GPU that is not possible.
        """
        return {**vars(self), "gpu": self.gpu}
