"""What a film of a game costs, beside the same frames as a GIF; and an image for a person's page.

`page_image_ms` is drawing the whole map as a player sees it, and its JPEG, with every sprite that
is drawn for the first time: a person is shown up to 20 of them a second. `frame_ms` is drawing a
frame of a film, `write_ms` writing it into the WebP, `frame_kilobytes` what it takes there.
`gif_write_ms` and `gif_times_bytes` are Pillow's GIF of the same frames. All times are of the
processor; the frames are a second of play apart.

Run with `outpost bench film --json`; a quarter of a minute on one core.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from PIL import Image

from pipeline.play.film.animation import write_film
from pipeline.play.film.frames import FilmedGame, draw_moment
from pipeline.play.film.moments import moments_of, scripted_play
from pipeline.play.simulator.view import render_map
from pipeline.visualization.tiles import encode_jpeg

Value = TypeVar("Value")
PLAYERS, SEED, EVERY = ("scripted_l5", "scripted_l3"), 3, 20
GAME = FilmedGame(PLAYERS, 0, sees_all=False, width=640)


def measure() -> dict[str, float]:
    """Figures by name; a unit ends the name, ratios have none."""
    moments = moments_of(scripted_play(*PLAYERS, SEED), 0, EVERY)
    draw_moment(GAME, moments[0])
    count = len(moments)
    images, page = _timed(lambda: [render_map(one.games, 0, 0).image for one in moments])
    _jpegs, encoded = _timed(lambda: [encode_jpeg(Image.fromarray(image)) for image in images])
    frames, drawn = _timed(lambda: [draw_moment(GAME, moment) for moment in moments])
    with tempfile.TemporaryDirectory() as folder:
        webp, gif = Path(folder, "film.webp"), Path(folder, "film.gif")
        _film, written = _timed(lambda: write_film(webp, frames.__getitem__, [100] * count))
        _none, compared = _timed(
            lambda: frames[0].save(gif, save_all=True, append_images=frames[1:], duration=100)
        )
        size, gif_size = webp.stat().st_size, gif.stat().st_size
    return {
        "frames": float(count),
        "page_image_ms": (page + encoded) / count * 1e3,
        "frame_ms": drawn / count * 1e3,
        "write_ms": written / count * 1e3,
        "frame_kilobytes": size / count / 1e3,
        "gif_write_ms": compared / count * 1e3,
        "gif_times_bytes": gif_size / size,
    }


def _timed(work: Callable[[], Value]) -> tuple[Value, float]:
    """What some work gives, and the processor seconds that it takes."""
    began = time.process_time()
    value = work()
    return value, time.process_time() - began
