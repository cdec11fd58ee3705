"""What holds for all tests.

`detector_runtime` is imported first: its tests lie in a folder of the same name, which pytest would
otherwise take for the package.
"""

from collections.abc import Iterator
from pathlib import Path

import PIL.Image
import pytest
from detector_runtime.system.cores import usable_cores

import detector_runtime  # noqa: F401

OPENS = PIL.Image.open


@pytest.fixture(autouse=True)
def pillow_opens_images() -> Iterator[None]:
    """Each test has Pillow as it comes: ultralytics 8.4.190, which some import, puts a function of
    its own in the place of `PIL.Image.open`."""
    PIL.Image.open = OPENS
    yield
    PIL.Image.open = OPENS


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """With `-n auto`: one more than there are cores, because many tests wait for other processes;
    none where single files are asked for, since starting them takes longer."""
    asked = [Path(name.partition("::")[0]) for name in config.invocation_params.args]
    if any(file.is_file() for file in asked):
        return 0
    return min(usable_cores(), 7) + 1
