"""What holds for all tests.

`detector_runtime` is imported first: its tests lie in a folder of the same name, which pytest would
otherwise take for the package.
"""

from collections.abc import Iterator

import PIL.Image
import pytest

import detector_runtime  # noqa: F401

OPENS = PIL.Image.open


@pytest.fixture(autouse=True)
def pillow_opens_images() -> Iterator[None]:
    """Each test has Pillow as it comes: ultralytics 8.4.190, which some import, puts a function of
    its own in the place of `PIL.Image.open`."""
    PIL.Image.open = OPENS
    yield
    PIL.Image.open = OPENS
