"""Both ways of decoding sprites, in turn."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from pipeline.formats.sld import decode, encode
from pipeline.formats.sld import decoder as sld_decoder
from pipeline.formats.sld import kernels as sld_loops
from tests.pipeline.formats.sld_builders import ALL_LAYERS, random_frame

WAYS = ("plain", "compiled")


@pytest.fixture(scope="module", params=WAYS)
def each_way(request: pytest.FixtureRequest) -> Iterator[sld_loops.BlockKernels]:
    """All files are decoded by one way; the compiled loops are compiled already."""
    loops = loops_called(request.param)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(sld_decoder, "loops_for", lambda _: loops)
        for _ in decode(encode([random_frame(np.random.default_rng(0), ALL_LAYERS)] * 2)).frames:
            pass
        yield loops


def loops_called(way: str) -> sld_loops.BlockKernels:
    if way == "compiled":
        return sld_loops.fastest_loops()
    return sld_loops.PLAIN
