"""A wheel installs as any other, offers its bundle, and is the same wherever it is built."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from pipeline.manifests import sha256_of
from pipeline.release.wheel import WheelError, build_wheel

ASK = """
from detector_runtime.bundle import installed_bundles
print((installed_bundles()["old_game"] / "bundle.json").read_text())
"""


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    folder = tmp_path / "bundle"
    folder.mkdir()
    (folder / "bundle.json").write_text('{"game": "old_game"}', encoding="utf-8")
    (folder / "model.onnx").write_bytes(bytes(range(256)) * 40)
    return folder


@pytest.mark.skipif(shutil.which("uv") is None, reason="installs with uv")
def test_an_installed_wheel_offers_its_bundle(tmp_path: Path, bundle: Path) -> None:
    wheel = build_wheel(tmp_path, bundle, "old_game", "1.2.0+3f2a9c")
    target = tmp_path / "site"

    install = ["uv", "pip", "install", "--offline", "--no-deps", "--target", str(target)]
    subprocess.run(
        [*install, "--python", sys.executable, str(wheel)], check=True, capture_output=True
    )
    environment = {**os.environ, "PYTHONPATH": str(target)}
    answer = subprocess.run(
        [sys.executable, "-c", ASK], env=environment, check=True, capture_output=True, text=True
    )

    assert answer.stdout.strip() == '{"game": "old_game"}'
    assert sha256_of(target / "outpost_old_game_detector" / "model.onnx") == sha256_of(
        bundle / "model.onnx"
    )


def test_the_same_bundle_gives_the_same_bytes(tmp_path: Path, bundle: Path) -> None:
    digests = set()
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        os.utime(bundle / "model.onnx", (1e9, 1e9))
        digests.add(sha256_of(build_wheel(tmp_path / name, bundle, "demo", "1.0")))

    assert len(digests) == 1


def test_the_wheel_is_named_as_installers_want_it(tmp_path: Path, bundle: Path) -> None:
    wheel = build_wheel(tmp_path, bundle, "demo", "1.0.0")

    assert wheel.name == "outpost_demo_detector-1.0.0-py3-none-any.whl"


def test_the_archive_is_sound_and_records_every_file(tmp_path: Path, bundle: Path) -> None:
    wheel = build_wheel(tmp_path, bundle, "demo", "1.0.0")

    with zipfile.ZipFile(wheel) as archive:
        assert archive.testzip() is None
        record = archive.read("outpost_demo_detector-1.0.0.dist-info/RECORD").decode()
        recorded = [line.split(",")[0] for line in record.splitlines()]
        assert sorted(recorded) == sorted(archive.namelist())


@pytest.mark.parametrize("version", ["v1", "1.0-beta x", "", "1.0+ABC"])
def test_what_is_no_version_is_refused(tmp_path: Path, bundle: Path, version: str) -> None:
    with pytest.raises(WheelError, match="not the version"):
        build_wheel(tmp_path, bundle, "demo", version)


def test_an_empty_bundle_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()

    with pytest.raises(WheelError, match="holds no files"):
        build_wheel(tmp_path, tmp_path / "empty", "demo", "1.0")
