"""The loops over every pixel of every sprite of a scene.

They come twice, with the same results to the last bit: compiled, where numba is installed, and with
calls of OpenCV and numpy for each sprite, which take three times as long.
"""

from __future__ import annotations

try:
    from pipeline.scenes.compiled_loops import lay as lay
    from pipeline.scenes.compiled_loops import measure as measure
    from pipeline.scenes.compiled_loops import paint as paint
    from pipeline.scenes.compiled_loops import shade as shade
except ImportError:
    from pipeline.scenes.plain_loops import lay as lay
    from pipeline.scenes.plain_loops import measure as measure
    from pipeline.scenes.plain_loops import paint as paint
    from pipeline.scenes.plain_loops import shade as shade
