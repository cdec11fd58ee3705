"""Screenshots of the built-in game that nobody has labelled, to choose from."""

from __future__ import annotations

from pathlib import Path

from pipeline.demo_game.captures import stored_png
from pipeline.demo_game.renderer import UNLABELLED_SESSIONS, screenshot
from pipeline.errors import OutpostError
from pipeline.files import replacing
from pipeline.progress import Report, silent, track


class UnlabelledScreenshotsError(OutpostError):
    """The screenshots cannot be written."""


def write_unlabelled_screenshots(folder: Path, report: Report = silent) -> tuple[Path, ...]:
    """Draw the unlabelled sessions, one PNG file a frame; a file that is there is kept.

    Returns:
        All of them, in order.

    Raises:
        UnlabelledScreenshotsError: the folder cannot be written.
    """
    named = {
        folder / f"{session.name}_{number:02d}.png": (session.name, number)
        for session, frames in UNLABELLED_SESSIONS.items()
        for number in range(frames)
    }
    missing = [file for file in named if not file.is_file()]
    try:
        for file in track(missing, len(missing), "draw screenshots", report):
            with replacing(file) as fresh:
                fresh.write_bytes(stored_png(screenshot(*named[file]).image))
    except OSError as error:
        raise UnlabelledScreenshotsError(
            f"The built-in game's screenshots cannot be written to {folder}: {error}",
            "Free some space there (25 MB), or choose a folder that you may write to.",
        ) from error
    return tuple(named)
