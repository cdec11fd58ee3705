from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.labels.batches import Batch, Frame, NamedBatch
from pipeline.labels.comparing.choosing import choose_frames

FRAMES = 60


def paused(name: str) -> NamedBatch:
    """A batch of which all frames are one image."""
    frames = (
        Frame(f"{n}.png", f"{n}.png", 64, 48, sha256="0" * 64, phash="0" * 16, boxes=())
        for n in range(FRAMES)
    )
    return NamedBatch(name, Path(), Batch(("sheep",), tuple(frames), (), (), ()))


def test_frames_of_one_image_are_matched_by_place_without_comparing_each_with_each(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []
    place = Frame.place.fget  # type: ignore[attr-defined]
    counted = property(lambda frame: asked.append(frame.name) or place(frame))  # type: ignore[func-returns-value]
    monkeypatch.setattr(Frame, "place", counted)
    duplicates = choose_frames([paused("a"), paused("b")]).duplicates
    assert [(one.taken, one.left_out) for one in duplicates] == [
        (f"a/{n}.png", f"b/{n}.png") for n in range(FRAMES)
    ]
    assert len(asked) < 10 * FRAMES
