"""Both ways of decoding sprites, in turn."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from pipeline.formats.sld import decode, encode, kernels
from pipeline.formats.sld import decoder as sld_decoder
from tests.pipeline.formats.sld_builders import ALL_LAYERS, random_frame

WAYS = ("plain", "compiled")


@pytest.fixture(scope="module", params=WAYS)
def each_way(request: pytest.FixtureRequest) -> Iterator[kernels.BlockKernels]:
    """All files are decoded by one way; the compiled loops are compiled already."""
    loops = loops_called(request.param)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(sld_decoder, "loops_for", lambda _: loops)
        for _ in decode(encode([random_frame(np.random.default_rng(0), ALL_LAYERS)] * 2)).frames:
            pass
        yield loops


def loops_called(way: str) -> kernels.BlockKernels:
    if way == "compiled":
        return kernels.fastest_loops()
    return kernels.PLAIN
