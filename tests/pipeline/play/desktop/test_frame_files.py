"""Images beside a session: as they were written, whatever is torn off."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.play.desktop.frame_files import FrameFileWriter, read_frames
from pipeline.play.recordings.events import RecordingError


def jpeg(seed: int) -> bytes:
    side = 8 + seed % 40
    image = np.random.default_rng(seed).integers(0, 256, (side, side, 3), np.uint8)
    return cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 80])[1].tobytes()


@settings(max_examples=30)
@given(st.lists(st.integers(0, 1000), max_size=6), st.integers(0, 4000))
def test_whole_images_are_read_back_and_a_torn_one_is_not(tmp_path_factory, seeds, torn):
    file = tmp_path_factory.mktemp("frames") / "a.mjpeg"
    images = [jpeg(seed) for seed in seeds]
    with FrameFileWriter(file, 10**9) as writer:
        assert [writer.append(image) for image in images] == list(range(len(images)))
    assert list(read_frames(file)) == images
    content = file.read_bytes()
    kept = max(0, len(content) - torn)
    file.write_bytes(content[:kept])
    whole = [n for n in range(len(images) + 1) if sum(map(len, images[:n])) <= kept][-1]
    assert list(read_frames(file)) == images[:whole]


def test_a_video_player_opens_it(tmp_path):
    file = tmp_path / "a.mjpeg"
    with FrameFileWriter(file, 10**9) as writer:
        for grey in (0, 100, 200):
            image = np.full((64, 64, 3), grey, np.uint8)
            writer.append(cv2.imencode(".jpg", image)[1].tobytes())
    video, greys = cv2.VideoCapture(str(file)), []
    while (read := video.read())[0]:
        greys.append(round(float(read[1].mean()), -1))
    assert greys == [0, 100, 200]


def test_no_more_is_written_than_may_be(tmp_path):
    file, image = tmp_path / "a.mjpeg", jpeg(1)
    with FrameFileWriter(file, 2 * len(image) + 5) as writer:
        assert [writer.append(image) for _ in range(4)] == [0, 1, None, None]
    assert file.stat().st_size == 2 * len(image)


def test_what_cannot_be_written_or_read_is_one_clear_error(tmp_path):
    file = tmp_path / "a.mjpeg"
    file.write_bytes(b"")
    with pytest.raises(RecordingError, match=r"a\.mjpeg"):
        FrameFileWriter(file, 10)
    assert list(read_frames(file)) == []
    with pytest.raises(RecordingError, match="cannot be read"):
        list(read_frames(tmp_path / "none.mjpeg"))
