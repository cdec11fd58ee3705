"""What the package promises about itself: small, few dependencies, old Pythons."""

from __future__ import annotations

import ast
import io
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

import detector_runtime

SOURCE = Path(detector_runtime.__file__).parent
MODULES = sorted(SOURCE.rglob("*.py"))
ALLOWED = {"detector_runtime", "numpy", "PIL", "onnxruntime", "scipy", "pydantic"}
OPTIONAL = {
    "hugging_face": {"huggingface_hub", "httpx2"},
    "s3_store": {"boto3", "botocore"},
    "text": {"rapidfuzz"},
}
"""By module: packages of an extra, which functions of it import alone."""


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_modules_parse_as_the_oldest_python_and_import_only_what_is_promised(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"), feature_version=(3, 10))
    imported = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imported |= {name.name.split(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            imported.add(node.module.split(".")[0])
    allowed = ALLOWED | OPTIONAL.get(path.stem, set())
    assert imported - set(sys.stdlib_module_names) <= allowed


def test_the_package_is_small() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in SOURCE.rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                archive.write(path)
    assert len(buffer.getvalue()) < 240_000


def test_types_are_shipped_and_all_names_exist() -> None:
    assert (SOURCE / "py.typed").is_file()
    for name in detector_runtime.__all__:
        assert getattr(detector_runtime, name) is not None
    with pytest.raises(AttributeError):
        _ = detector_runtime.nothing_of_that_name


def test_onnxruntime_is_told_not_to_report_before_it_is_imported() -> None:
    code = (
        "import os, sys\n"
        "class Witness:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'onnxruntime': print(os.environ.get('ORT_DISABLE_TELEMETRY'))\n"
        "sys.meta_path.insert(0, Witness())\n"
        "from detector_runtime.models import onnx\n"
        "onnx.quiet_onnxruntime()\n"
    )
    environment = {**os.environ, "ORT_DISABLE_TELEMETRY": ""}
    del environment["ORT_DISABLE_TELEMETRY"]
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment
    )
    assert done.stdout.strip() == "1"


@pytest.mark.parametrize(
    ("module", "needed"),
    [
        ("detector_runtime", set()),
        ("detector_runtime.tools.cli", set()),
        ("detector_runtime.updates.updater", {"pydantic"}),
        ("detector_runtime.community", {"pydantic"}),
    ],
)
def test_importing_takes_nothing_heavy_along(module: str, needed: set[str]) -> None:
    known = {"pydantic", "PIL.Image", "onnxruntime", "scipy", "cv2", "torch", "ultralytics"}
    heavy = sorted(known - needed)
    code = f"import sys, {module}; print([m for m in {heavy!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_opening_a_bundle_takes_nothing_along_that_fetches_updates(
    make_bundle: Callable[..., Path],
) -> None:
    code = (
        "import sys, detector_runtime\n"
        "detector_runtime.open_detector(sys.argv[1])\n"
        "print([m for m in sys.modules if m.startswith('detector_runtime.updates')])"
    )
    command = [sys.executable, "-c", code, str(make_bundle())]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
