"""Outpost as wheels, in an environment of its own, away from the checkout."""

import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from doubles.outpost_dev import OutpostDev

ROOT = Path(__file__).parents[2]
UV = shutil.which("uv")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(UV is None, reason="uv builds and installs"),
]


@dataclass(frozen=True)
class Installed:
    """An environment with the wheels, and somebody's home without anything."""

    folder: Path
    home: Path

    @property
    def scripts(self) -> Path:
        return self.folder / ("Scripts" if os.name == "nt" else "bin")

    @property
    def python(self) -> Path:
        return self.scripts / ("python.exe" if os.name == "nt" else "python")

    @property
    def packages(self) -> Path:
        (found,) = (file.parent for file in self.folder.rglob("dependencies.pth"))
        return found

    @property
    def environment(self) -> dict[str, str]:
        """A user's own, who has set nothing for Outpost."""
        hidden = ("OUTPOST_", "DAGSTER_", "XDG_", "PYTHON", "VIRTUAL_ENV", "UV_")
        kept = {k: v for k, v in os.environ.items() if not k.startswith(hidden)}
        return {**kept, "HOME": str(self.home), "LOCALAPPDATA": str(self.home)}

    def outpost(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(self.scripts / "outpost"), *words],
            env=self.environment,
            cwd=self.home,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    def state(self) -> Path:
        """The one folder with Dagster's records in the home."""
        (settings,) = self.home.rglob("dagster.yaml")
        return settings.parents[1]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """The wheels as uv builds them. What they depend on is taken from the environment of the tests:
    a second PyTorch would take gigabytes."""
    folder = tmp_path_factory.mktemp("installed")
    made = Installed(folder / "environment", folder / "home")
    made.home.mkdir()
    uv("build", "--all-packages", "--wheel", "--quiet", "--out-dir", str(folder / "dist"))
    uv("venv", "--quiet", "--python", sys.executable, str(made.folder))
    wheels = [str(wheel) for wheel in (folder / "dist").glob("*.whl")]
    assert len(wheels) == 2
    where = ("--python", str(made.python))
    uv("pip", "install", "--quiet", "--no-deps", *where, *wheels)
    command = [made.python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    packages = Path(subprocess.check_output(command, text=True).strip())
    # Packages of the checkout are in that folder as links (.pth) alone, which are not followed.
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib"), encoding="utf-8")
    return made


def uv(*words: str) -> None:
    assert UV is not None
    done = subprocess.run([UV, *words], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_it_is_the_installed_package_that_runs(installed: Installed) -> None:
    code = "import assets, pipeline, resources, detector_runtime as d; print(*(m.__file__ for m in "
    command = [installed.python, "-c", f"{code}(assets, pipeline, resources, d)), sep=chr(10))"]
    found = subprocess.check_output(
        command, env=installed.environment, cwd=installed.home, text=True
    )
    assert all(Path(line).is_relative_to(installed.packages) for line in found.splitlines())


def test_the_wheel_carries_what_it_reads(installed: Installed) -> None:
    for name in ("celery.yaml", "dagster.yaml", "workspace.yaml"):
        packaged = installed.packages / "resources" / "project_files" / name
        assert packaged.read_bytes() == (ROOT / name).read_bytes()


def test_state_goes_to_the_users_data_and_not_to_the_packages(installed: Installed) -> None:
    before = entries(installed.packages)

    done = installed.outpost("gc")

    assert done.returncode == 0, done.stderr
    assert "Nothing to remove" in done.stdout
    assert installed.state().name == "outpost"
    assert entries(installed.packages) == before
    if sys.platform == "linux":
        assert installed.state() == installed.home / ".local" / "share" / "outpost"


def test_the_variable_moves_it(installed: Installed, tmp_path: Path) -> None:
    environment = {**installed.environment, "OUTPOST_HOME": str(tmp_path / "mine")}
    command = [str(installed.scripts / "outpost"), "gc"]
    subprocess.run(command, env=environment, cwd=installed.home, check=True, capture_output=True)
    assert (tmp_path / "mine" / "dagster" / "dagster.yaml").is_file()


@pytest.mark.parametrize("words", [["--help"], ["gpu", "list"], ["gpu", "doctor"]])
def test_commands_work(installed: Installed, words: Sequence[str]) -> None:
    done = installed.outpost(*words)
    assert (done.returncode, done.stderr) == (0, "")


def test_what_needs_the_checkout_says_so(installed: Installed) -> None:
    done = installed.outpost("bench", "sld")
    assert done.returncode == 1
    assert "run this from the checkout" in " ".join(done.stderr.split())


def test_the_interface_is_served_and_makes_assets(installed: Installed) -> None:
    server = OutpostDev(
        installed.environment,
        installed.home.parent / "dev.log",
        python=installed.python,
        folder=installed.home,
    )
    try:
        server.wait_until_up()
        run = server.launch("demo/game_files")
        server.wait_for(lambda: server.status(run) in ("SUCCESS", "FAILURE"))
        assert server.status(run) == "SUCCESS", server.log.read_text()
    finally:
        server.stop()
    assert list((installed.state() / "artifacts" / "demo" / "game_files").glob("*/manifest.json"))


def entries(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}
