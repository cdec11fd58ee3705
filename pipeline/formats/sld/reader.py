"""The bytes of an SLD file to frames, decoded when they are asked for."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pipeline.formats.sld.decoder import DecodeOptions, decode_frames
from pipeline.formats.sld.model import MAX_FILE_BYTES, LayerKind, SldError, SldFrame, heading_starts
from pipeline.formats.sld.structure import Structure, parse, too_large


class SldFrames:
    """The frames of a file, decoded when they are asked for.

    Iterating decodes every frame once. Asking for one frame or a `select`ion decodes only what
    those frames inherit from. Nothing is kept: asking twice decodes twice.

    Raises:
        SldError: while decoding, when an outline is damaged.
    """

    def __init__(self, data: bytes, structure: Structure, options: DecodeOptions) -> None:
        self._data = data
        self._structure = structure
        self._options = options

    def __len__(self) -> int:
        return len(self._structure.canvas)

    def __iter__(self) -> Iterator[SldFrame]:
        return self._decode(range(len(self)))

    def __getitem__(self, index: int) -> SldFrame:
        return self.select([range(len(self))[index]])[0]

    def select(self, indices: Iterable[int]) -> tuple[SldFrame, ...]:
        """Decode some frames in one pass, returned in the order of `indices`.

        Raises:
            IndexError: an index below 0 or beyond the last frame.
        """
        wanted = list(indices)
        if any(not 0 <= index < len(self) for index in wanted):
            raise IndexError(f"The file has {len(self)} frames; asked for {wanted}.")
        in_order = sorted(set(wanted))
        decoded = dict(zip(in_order, self._decode(in_order), strict=True))
        return tuple(decoded[index] for index in wanted)

    def _decode(self, indices: Iterable[int]) -> Iterator[SldFrame]:
        return decode_frames(self._data, self._structure, indices, self._options)


@dataclass(frozen=True, eq=False)
class SldFile:
    """A sprite file.

    Attributes:
        frames: in the order of the file; see `SldFrames`.
        warnings: oddities that did no harm, for example bytes after the last frame.
    """

    frames: SldFrames
    warnings: tuple[str, ...]

    @property
    def headings(self) -> int:
        """16 or 1; heading 0 faces east, the others follow clockwise. See `heading_starts`."""
        return len(heading_starts(len(self.frames)))

    @property
    def steps(self) -> int:
        """Frames of each heading; a trailing reference frame belongs to none."""
        return len(self.frames) // self.headings

    def frame_index(self, heading: int, step: int) -> int:
        """Where a step of the animation of a heading stands in `frames`.

        Raises:
            SldError: the file has no such heading or step.
        """
        if not (0 <= heading < self.headings and 0 <= step < self.steps):
            raise SldError(
                f"The file has no step {step} of heading {heading}.",
                f"Ask for headings below {self.headings} and steps below {self.steps}.",
            )
        return heading * self.steps + step


ALL_LAYERS = tuple(LayerKind)


def read_sld(
    path: Path, *, layers: Collection[LayerKind] = ALL_LAYERS, clear_stale: bool = True
) -> SldFile:
    """Read a sprite file; see `decode`.

    Raises:
        SldError: also for a file beyond 64 MiB, before it is read.
        OSError: the file cannot be opened.
    """
    size = path.stat().st_size
    if size > MAX_FILE_BYTES:
        raise too_large(f"it has {size} bytes, more than {MAX_FILE_BYTES}")
    return decode(path.read_bytes(), layers=layers, clear_stale=clear_stale)


def decode(
    data: bytes, *, layers: Collection[LayerKind] = ALL_LAYERS, clear_stale: bool = True
) -> SldFile:
    """Read a sprite file from its bytes. Its structure is checked now, pixels are decoded later.

    Args:
        data: the whole file.
        layers: the kinds that are decoded; the others are None in every frame.
        clear_stale: make pixels of the main layer transparent when their block was inherited from
            the frame before and the frame's outline does not cover them. The game's files rely on
            it; without it, remains of the movement before show beside the figure.

    Raises:
        SldError: it is no SLD file, is damaged, or is larger than any real one.
    """
    structure = parse(data)
    frames = SldFrames(data, structure, DecodeOptions(frozenset(layers), clear_stale))
    return SldFile(frames, structure.warnings)
