"""The game's own files, where they are at hand, decode whole and as ever.

`golden_sld.json` holds a digest of each file and of all that its frames decode to; after a change
of the reader that is meant to change pixels, `python -m tests.pipeline.formats.test_sld_real`
writes it anew.
"""

from __future__ import annotations

import hashlib
import json
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from pipeline.formats.sld import LayerKind, decode, read_sld
from pipeline.formats.sld.structure import NONE_BEFORE, parse
from tests.pipeline.formats.comparing import agrees, digest_of_frames, same_frame
from tests.pipeline.formats.reference_sld import reference_frames

FOLDER = Path(__file__).resolve().parents[3].parent / "shared" / "data" / "sld"
GOLDEN_FILE = Path(__file__).with_name("golden_sld.json")
GOLDEN = json.loads(GOLDEN_FILE.read_text(encoding="utf-8"))
ALFRED = "a_alfred_attackA_x1.sld"

pytestmark = [
    pytest.mark.usefixtures("each_way"),
    pytest.mark.real_data,
    pytest.mark.skipif(not FOLDER.is_dir(), reason="the game's files are not at hand"),
]
each_file = pytest.mark.parametrize("name", GOLDEN)


def described(path: Path) -> dict[str, object]:
    """What the golden file says about a sprite file."""
    frames = read_sld(path).frames
    return {
        "file": hashlib.sha256(path.read_bytes()).hexdigest(),
        "frames": len(frames),
        "decoded": digest_of_frames(frames),
        "decoded_with_stale_pixels": digest_of_frames(read_sld(path, clear_stale=False).frames),
    }


@each_file
def test_it_decodes_to_the_golden_digests(name: str) -> None:
    assert described(FOLDER / name) == GOLDEN[name]


@each_file
def test_it_is_read_to_its_exact_end(name: str) -> None:
    assert read_sld(FOLDER / name).warnings == ()


@each_file
def test_its_first_frames_agree_with_the_reference_decoder(name: str) -> None:
    file = read_sld(FOLDER / name)
    reference = reference_frames((FOLDER / name).read_bytes())
    for frame, expected in islice(zip(file.frames, reference, strict=True), 150):
        assert agrees(frame, expected)


@pytest.mark.slow
@pytest.mark.parametrize("clear_stale", [True, False])
@each_file
def test_every_frame_agrees_with_the_reference_decoder(name: str, clear_stale: bool) -> None:
    file = read_sld(FOLDER / name, clear_stale=clear_stale)
    reference = reference_frames((FOLDER / name).read_bytes(), clear_stale)
    for frame, expected in zip(file.frames, reference, strict=True):
        assert agrees(frame, expected)


def test_a_frame_late_in_a_chain_of_deltas_is_the_same_when_asked_for_alone() -> None:
    file = read_sld(FOLDER / ALFRED)
    everything = list(file.frames)
    chosen = [file.frame_index(heading, step) for heading in range(16) for step in (0, 17, 59)]
    for index, frame in zip(chosen, file.frames.select(chosen), strict=True):
        assert same_frame(frame, everything[index])


@each_file
def test_the_outline_is_the_silhouette_of_every_frame_that_inherits_nothing(name: str) -> None:
    data = (FOLDER / name).read_bytes()
    structure = parse(data)
    main = structure.layers_of_kind(LayerKind.MAIN)
    whole = np.flatnonzero(structure.layers.inherits[main] == NONE_BEFORE)
    for frame in decode(data).frames.select(whole.tolist()):
        assert frame.main is not None
        assert frame.outline is not None
        assert np.array_equal(frame.main.pixels[..., 3] > 0, frame.outline.pixels)


def test_clearing_makes_an_image_equal_to_its_outline_but_for_two_pixels() -> None:
    """Those two are covered and yet transparent, in frames 613 and 673."""
    differences = {True: 0, False: 0}
    for clear_stale in differences:
        for frame in read_sld(FOLDER / ALFRED, clear_stale=clear_stale).frames:
            assert frame.main is not None
            assert frame.outline is not None
            opaque = frame.main.pixels[..., 3] > 0
            differences[clear_stale] += int((opaque != frame.outline.pixels).sum())
    assert differences == {True: 2, False: 108}


if __name__ == "__main__":
    golden = {path.name: described(path) for path in sorted(FOLDER.glob("*.sld"))}
    GOLDEN_FILE.write_text(
        json.dumps(golden, indent=2, sort_keys=True) + "\n", encoding="utf-8", newline="\n"
    )
