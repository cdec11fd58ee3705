"""Images one after another as one file that browsers play: an animated WebP."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from pipeline.errors import OutpostError
from pipeline.files import make_room, replacing
from pipeline.progress import Report, silent, track

ENDING = ".webp"
MOST_FRAMES = 5000
QUALITY, METHOD = 75, 4
KEY_FRAMES = (90, 120)
"""The least and the most frames from one whole frame to the next; between them changes are kept."""

Draw = Callable[[int], Image.Image]
"""Draws the frame of a number."""


class FilmError(OutpostError):
    """A film that cannot be made or written."""


@dataclass(frozen=True)
class FilmFile:
    """A film that was written.

    Attributes:
        frames: that were drawn; of those that are equal one after the other the file holds one.
        seconds: that it lasts.
    """

    file: Path
    frames: int
    seconds: float
    bytes: int


def check_film(file: Path) -> None:
    """See that a film can be written, better before it is drawn than after it.

    Raises:
        FilmError: the file has another ending, or its folder cannot be made.
    """
    if file.suffix.lower() != ENDING:
        raise FilmError(
            f"A film cannot be written to {file}: films are animated WebP files.",
            f"Name a file that ends in {ENDING}.",
        )
    try:
        make_room(file)
    except OSError as error:
        raise _unwritten(file, error) from error


def write_film(
    file: Path, draw: Draw, milliseconds: Sequence[int], report: Report = silent
) -> FilmFile:
    """Draw frames one after another and write them; the same bytes of the same frames.

    Args:
        draw: all of one size, RGB; none is asked for twice, nor held longer than until the next.
        milliseconds: how long each is shown; at least one.

    Raises:
        FilmError: too many frames, or the file cannot be written; an earlier one is still there.
    """
    count = len(milliseconds)
    if not 1 <= count <= MOST_FRAMES:
        raise FilmError(
            f"A film of {count} frames cannot be written.",
            f"Choose fewer a second, or a higher speed: at most {MOST_FRAMES} are.",
        )
    frames = _Frames(draw, count, report)
    try:
        with replacing(file) as fresh:
            frames.save(
                fresh,
                "WEBP",
                save_all=True,
                duration=list(milliseconds),
                loop=0,
                quality=QUALITY,
                method=METHOD,
                kmin=KEY_FRAMES[0],
                kmax=KEY_FRAMES[1],
            )
            frames.finish()
    except OSError as error:
        raise _unwritten(file, error) from error
    return FilmFile(file, count, sum(milliseconds) / 1000, file.stat().st_size)


class _Frames(Image.Image):
    """Frames that are drawn when the encoder asks for them: a film would fill the memory."""

    def __init__(self, draw: Draw, count: int, report: Report) -> None:
        super().__init__()
        self.n_frames = count
        self._drawn = track(map(draw, range(count)), count, "draw the film", report)
        self._at = -1
        self.seek(0)

    def seek(self, frame: int) -> None:
        """Draw the next frame; the encoder asks for all in turn, and goes back at the end."""
        if frame != self._at + 1 or frame >= self.n_frames:
            return
        drawn = next(self._drawn)
        self._mode, self._size = drawn.mode, drawn.size
        self.im, self._at = drawn.im, frame

    def finish(self) -> None:
        """Report that the last one was taken, too."""
        next(self._drawn, None)


def _unwritten(file: Path, error: OSError) -> FilmError:
    return FilmError(
        f"The film cannot be written to {file}: {error}",
        "Name a file in a folder that you may write to.",
    )
