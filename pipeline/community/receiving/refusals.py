"""Why something is not taken, and how much is taken at most."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

MIB = 1 << 20


class Refusal(StrEnum):
    """The reasons, as pages and commands show them."""

    UNEXPECTED_FILE = "a file that is none of ours"
    TOO_MANY_FILES = "more files than are looked at"
    ANNOTATIONS_TOO_LARGE = "an annotations.jsonl that is too large"
    TOO_MANY_LINES = "more lines than are read"
    BROKEN_LINE = "a line that is no record"
    PRIVATE_SLOT = "a private slot"
    UNKNOWN_SLOT = "a slot that the game lacks"
    UNKNOWN_NAME = "a name that is not in the game's list"
    UNPRINTABLE_NAME = "a name with characters that cannot be shown"
    FUTURE_DATE = "a date in the future"
    REPLACED = "a label that the same person corrected later"
    TOO_MANY_A_DAY = "more than a day's uploads"
    TOO_MANY = "more than is taken of one contributor"
    NO_IMAGE = "a record without an image"
    NO_RECORD = "an image without a record"
    UNKNOWN_SCREEN = "a screen type that the game lacks"
    TWO_SCREENS = "one image under two screen types"
    FILE_TOO_LARGE = "a file that is too large"
    GONE = "a file that was removed meanwhile"
    OTHER_DIGEST = "a file with another digest than its name says"
    NOT_PNG = "a file that is no PNG image"
    MORE_THAN_PIXELS = "a PNG file that holds more than pixels"
    OTHER_PIXELS = "a PNG image of other pixels than 8-bit RGB"
    DAMAGED = "a damaged image"
    WRONG_SIZE = "an image of another size than it must have"


@dataclass(frozen=True)
class ReceivingLimits:
    """How much of one contributor is looked at and taken in one reading.

    Attributes:
        files: names that are listed.
        annotation_bytes: of `annotations.jsonl`; what is larger is not read.
        lines, line_bytes: of it, and of one of them.
        a_day: crops of one UTC day, by the dates of their records.
        crops, screens: in all.
        image_bytes: of all images together.
    """

    files: int = 40_000
    annotation_bytes: int = 16 * MIB
    lines: int = 60_000
    line_bytes: int = 4096
    a_day: int = 200
    crops: int = 20_000
    screens: int = 500
    image_bytes: int = 512 * MIB
