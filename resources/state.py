"""The state folder: where everything that a run leaves behind lies.

It is wherever the environment variable `OUTPOST_HOME` points; else `.outpost/` beside the project's
own folders, or, where Outpost was installed as a package and has no folders of its own, `outpost`
where the system keeps a user's data.
"""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from pipeline.errors import OutpostError

PROJECT_ROOT = Path(__file__).resolve().parents[1]
"""The checkout; for an installed package the folder of all packages, which is nobody's to write."""
PACKAGED_FILES = Path(__file__).with_name("project_files")
"""Where a wheel carries the files of the checkout's top folder that it needs (pyproject.toml)."""
STATE_VARIABLE = "OUTPOST_HOME"


class StateFolderError(OutpostError):
    """A state folder that cannot be written."""


@dataclass(frozen=True)
class StateFolder:
    """Paths below the state folder. Nothing is created by asking for a path."""

    root: Path

    def require_writable(self) -> None:
        """Make the folder, and prove that files can be written into it.

        Raises:
            StateFolderError: they cannot.
        """
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.root):
                pass
        except OSError as error:
            raise StateFolderError(
                f"The state folder {self.root} cannot be written: {error.strerror or error}.",
                f"Give yourself write access, or set {STATE_VARIABLE} to a folder that you own.",
            ) from error

    @classmethod
    def from_environment(cls) -> StateFolder:
        """The folder that `OUTPOST_HOME` names, else the usual one; see the module."""
        if configured := os.environ.get(STATE_VARIABLE):
            return cls(Path(configured).absolute())
        if is_checkout():
            return cls(PROJECT_ROOT / ".outpost")
        return cls(platformdirs.user_data_path("outpost", appauthor=False))

    @property
    def instance(self) -> Path:
        """Dagster's own home: runs, logs, schedules."""
        return self.root / "dagster"

    @property
    def artifacts(self) -> Path:
        return self.root / "artifacts"

    @property
    def jobs(self) -> Path:
        """Working folders of jobs."""
        return self.root / "jobs"

    @property
    def caches(self) -> Path:
        return self.root / "caches"

    @property
    def gpu(self) -> Path:
        """The ledger of leases, the key that pods let in, and who leased what."""
        return self.root / "gpu"

    @property
    def deployments(self) -> Path:
        """What was deployed where."""
        return self.root / "deployments"

    @property
    def deploy_file(self) -> Path:
        """Targets by name, which the user writes."""
        return self.root / "deploy.yaml"

    @property
    def galleries(self) -> Path:
        return self.root / "galleries"

    def exports(self, game: str) -> Path:
        """Where CVAT exports of a game are dropped."""
        return self.root / "exports" / game

    def fetched_exports(self, game: str) -> Path:
        """Where exports of a game are brought to that come from a bucket or from CVAT."""
        return self.root / "fetched_exports" / game

    def screenshots(self, game: str) -> Path:
        """Where screenshots of a game are dropped that nobody has labelled yet."""
        return self.root / "screenshots" / game

    def recordings(self, game: str) -> Path:
        """Where recorded sessions of a game that is played lie."""
        return self.root / "recordings" / game

    @property
    def contributions(self) -> Path:
        """Where players' contributions lie, by game, unless they come from elsewhere."""
        return self.root / "contributions"

    def withdrawn_installs(self, game: str) -> Path:
        """Which contributors of a game count no longer."""
        return self.root / "community" / game / "withdrawn.json"

    def community_decisions(self, game: str) -> Path:
        """What a maintainer has decided about images that a game's players label."""
        return self.root / "community" / game / "decisions.json"

    def community_to_decide(self, game: str) -> Path:
        """Where the images of a game are put that a maintainer is to decide about."""
        return self.root / "community" / game / "to_decide"

    def drawn_game(self, game: str) -> Path:
        """Where a game that Outpost draws itself lies."""
        return self.root / "games" / game


def is_checkout() -> bool:
    """Whether this is the project with all its folders, not an installed package."""
    return (PROJECT_ROOT / "pyproject.toml").is_file()


def project_file(name: str) -> Path:
    """A file of the project's top folder: there, or as the installed package carries it."""
    return (PROJECT_ROOT if is_checkout() else PACKAGED_FILES) / name
