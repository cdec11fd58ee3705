"""The loops of `kernels`, compiled.

A pixel of four channels is one number of 32 bits. The innermost loops take eight of them at a
time, in steps that are written as vector instructions of LLVM, which turns them into those that the
processor has: AVX2, SSE2, NEON. Left to itself the compiler widens numba's whole numbers to 64
bits, so that an AVX2 processor handles four pixels at a time, and takes the last pixels of each row
one by one, which for sprites as wide as these are half of them. Here the end of a row is its last
eight pixels once more, of which the first `skip` are left as they are; only rows of fewer than
eight are done one by one. Blending, resizing and measuring are on whole numbers, premultiplying and
scaling round single operations: every processor gives the same result.

Steps and loops stand in one file because numba compiles a loop anew when its own file changes, and
looks at no other. A step takes numba's types where the loops that call it have their values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from llvmlite import ir
from numba import carray, types
from numba.core import cgutils
from numba.core.base import BaseContext
from numba.core.typing import Signature
from numba.extending import intrinsic
from numba.np.arrayobj import make_array

from pipeline.compilation import compiled, inlined
from pipeline.scenes.pixels.atlas import Ids, Measures, Table
from pipeline.scenes.pixels.prepared import Sprites

Bytes: TypeAlias = npt.NDArray[np.uint8]
Words: TypeAlias = npt.NDArray[np.uint32]
"""Pixels of four channels."""
Whole: TypeAlias = npt.NDArray[np.int64]
Floats: TypeAlias = npt.NDArray[np.float32]
Scales: TypeAlias = npt.NDArray[np.float64]
Type: TypeAlias = types.Type
Arguments: TypeAlias = tuple[ir.Value, ...]
Generate: TypeAlias = Callable[[BaseContext, ir.IRBuilder, Signature, Arguments], ir.Value]
"""A code generator, as numba wants it."""
Intrinsic: TypeAlias = tuple[Signature, Generate]

PAIR = np.uint32(0x00FF00FF)
"""The lower two channels of the two pairs of a pixel."""
ALPHA, GREEN_AND_ALPHA = np.uint32(0xFF000000), np.uint32(0xFF00FF00)
HALVES = np.uint32(0x00800080)
CARRIES = np.uint32(0x01000100)
BGRA, LIGHT, SHADOW, CAST = range(4)
"""Rows of `Sprites`, as in `prepared`."""
LANES = 8
"""Pixels of one step."""
WIDE, NARROW = 32, 8
"""Bytes of one step of `_mix_wide` and of `_mix_narrow`."""
TURNED_SIDES = (4, 8)
"""Rows and columns that `_turn_step` handles at once: of pixels of 32 bits, and of 8."""
LOWER, UPPER = 0xFFFF, 0xFFFF0000
"""Where a count of `_count_step` has the opaque pixels, and those that are seen."""
CACHE_LINE = 64
"""Bytes."""
AHEAD = 4
"""Rows by which memory is asked for before it is needed."""


@inlined
def _scaled(pair: np.uint32, share: np.uint32) -> np.uint32:
    """A pair of channels times a share of 255, rounded."""
    product = pair * share + HALVES
    return ((product + ((product >> np.uint32(8)) & PAIR)) >> np.uint32(8)) & PAIR


@inlined
def _sum(one: np.uint32, other: np.uint32) -> np.uint32:
    """Two pairs of channels, each sum 255 at most."""
    both = one + other
    over = both & CARRIES
    return (both | (over - (over >> np.uint32(8)))) & PAIR


@inlined
def _window(row: Whole, width: int, height: int) -> tuple[int, int, int, int]:
    """First and last row and column of a sprite that lie in the image."""
    _, rows, columns, left, top = row
    return max(0, -top), min(rows, height - top), max(0, -left), min(columns, width - left)


@inlined
def _between(one: np.uint8 | np.uint32, other: np.uint8 | np.uint32, share: np.uint32) -> np.uint32:
    """Two pixels mixed, with a share of the other in 1/256; of four channels or of one."""
    rest = np.uint32(256) - share
    low = (
        (np.uint32(one) & PAIR) * rest + (np.uint32(other) & PAIR) * share + HALVES
    ) >> np.uint32(8)
    high = (
        ((np.uint32(one) >> np.uint32(8)) & PAIR) * rest
        + ((np.uint32(other) >> np.uint32(8)) & PAIR) * share
        + HALVES
    )
    return (low & PAIR) | (high & (PAIR << np.uint32(8)))


@dataclass(frozen=True)
class _Writer:
    """Writes the instructions of one step.

    Args:
        signature, arguments: of the call, as numba's code generators get them.
    """

    context: BaseContext
    builder: ir.IRBuilder
    signature: Signature
    arguments: Arguments

    def place(self, array: int, at: int, lanes: int, bits: int) -> ir.Value:
        """Where a vector lies: from element number argument `at` of argument `array` on."""
        return self.vector_at(array, self.arguments[at], lanes, bits)

    def vector_at(self, array: int, element: ir.Value, lanes: int, bits: int) -> ir.Value:
        """As `place`, from an element whose number was computed."""
        array_type = make_array(self.signature.args[array])
        data = array_type(self.context, self.builder, self.arguments[array])
        pointer = self.builder.gep(data.data, [element])
        return self.builder.bitcast(pointer, _vector(lanes, bits).as_pointer())

    def load(self, place: ir.Value) -> ir.Value:
        return self.builder.load(place, align=1)

    def store(self, vector: ir.Value, place: ir.Value) -> None:
        self.builder.store(vector, place, align=1)

    def everywhere(self, argument: int, lanes: int, bits: int) -> ir.Value:
        """A vector with a whole number from the arguments in every lane."""
        value, kind = self.arguments[argument], ir.IntType(bits)
        if value.type.width > bits:
            value = self.builder.trunc(value, kind)
        elif value.type.width < bits:
            value = self.builder.zext(value, kind)
        nothing = ir.Constant(_vector(lanes, bits), ir.Undefined)
        first = self.builder.insert_element(nothing, value, ir.Constant(ir.IntType(32), 0))
        return self.builder.shuffle_vector(first, nothing, _constant([0] * lanes, 32))

    def not_skipped(self, skip: int) -> ir.Value:
        """Which lanes count: all but the first ones, whose number is an argument."""
        lanes = _constant(range(LANES), 32)
        return self.builder.icmp_unsigned(">=", lanes, self.everywhere(skip, LANES, 32))

    def for_channels(self, numbers: ir.Value, lane: Callable[[int], int]) -> ir.Value:
        """For each channel of eight pixels, the lane of a vector of bytes that belongs to it."""
        wanted = _constant([lane(channel) for channel in range(4 * LANES)], 32)
        return self.builder.shuffle_vector(numbers, numbers, wanted)

    def scaled(self, numbers: ir.Value, shares: ir.Value) -> ir.Value:
        """Bytes times shares of 255, rounded."""
        lanes = numbers.type.count
        wide, build = _vector(lanes, 16), self.builder
        product = build.mul(build.zext(numbers, wide), build.zext(shares, wide))
        product = build.add(product, _constant([128] * lanes, 16))
        eight = _constant([8] * lanes, 16)
        rounded = build.lshr(build.add(product, build.lshr(product, eight)), eight)
        return build.trunc(rounded, _vector(lanes, 8))

    def sum(self, one: ir.Value, other: ir.Value) -> ir.Value:
        """Bytes added, 255 at most."""
        function = ir.FunctionType(one.type, [one.type, one.type])
        name = f"llvm.uadd.sat.v{one.type.count}i8"
        added = cgutils.get_or_insert_function(self.builder.module, function, name)
        return self.builder.call(added, [one, other])

    def rest_of_255(self, numbers: ir.Value) -> ir.Value:
        return self.builder.xor(numbers, _constant([255] * numbers.type.count, 8))

    def is_any_set(self, vector: ir.Value) -> ir.Value:
        """Whether a vector is anything but zeros."""
        whole = ir.IntType(vector.type.count * vector.type.element.width)
        return self.builder.icmp_unsigned("!=", self.builder.bitcast(vector, whole), whole(0))

    def set_lanes(self, mask: ir.Value) -> ir.Value:
        """How many lanes of a mask are set, as a whole number of 64 bits."""
        bits = self.builder.bitcast(mask, ir.IntType(mask.type.count))
        return self.builder.zext(self.builder.ctpop(bits), ir.IntType(64))


def _vector(lanes: int, bits: int) -> ir.VectorType:
    return ir.VectorType(ir.IntType(bits), lanes)


def _constant(numbers: Iterable[int], bits: int) -> ir.Constant:
    values = list(numbers)
    return ir.Constant(_vector(len(values), bits), values)


def _written(write: Callable[[_Writer], ir.Value | None]) -> Generate:
    """The code generator of a step; what the step gives back, if anything."""

    def generate(
        context: BaseContext, builder: ir.IRBuilder, signature: Signature, arguments: Arguments
    ) -> ir.Value:
        result = write(_Writer(context, builder, signature, arguments))
        return context.get_dummy_value() if result is None else result

    return generate


@intrinsic  # type: ignore[untyped-decorator]
def _pixels_at(_: BaseContext, address: Type, like: Type) -> Intrinsic:
    """A pointer to the pixels at an address, of the type of those of an array."""
    pointer = types.CPointer(like.dtype)

    def write(code: _Writer) -> ir.Value:
        return code.builder.inttoptr(code.arguments[0], code.context.get_value_type(pointer))

    return pointer(address, like), _written(write)


@intrinsic  # type: ignore[untyped-decorator]
def _ask_for(_: BaseContext, array: Type, at: Type) -> Intrinsic:
    """Have the processor bring the memory around an element into its cache."""
    return types.void(array, at), _written(_write_ask_for)


def _write_ask_for(code: _Writer) -> None:
    whole, place = ir.IntType(32), code.place(0, 1, 1, 8)
    place = code.builder.bitcast(place, ir.IntType(8).as_pointer())
    function = ir.FunctionType(ir.VoidType(), [place.type, whole, whole, whole])
    fetch = cgutils.get_or_insert_function(code.builder.module, function, "llvm.prefetch.p0i8")
    code.builder.call(fetch, [place, whole(0), whole(3), whole(1)])


@intrinsic  # type: ignore[untyped-decorator]
def _composite_step(
    _: BaseContext, image: Type, ids: Type, bgra: Type, at: Type, skip: Type, own: Type
) -> Intrinsic:
    """Blend eight pixels `bgra` over `image`, and write `own` into `ids` where they are opaque."""
    return types.void(image, ids, bgra, at, skip, own), _written(_write_composite)


def _write_composite(code: _Writer) -> None:
    image, ids, bgra, at, skip, own = range(6)
    build, nothing = code.builder, _constant([0] * LANES, 32)
    pixels = code.load(code.place(bgra, at, LANES, 32))
    pixels = build.select(code.not_skipped(skip), pixels, nothing)
    # Most of what lies around a sprite is transparent: what is beneath is not even looked at.
    with build.if_then(code.is_any_set(pixels)):
        owners = code.place(ids, at, LANES, 16)
        is_opaque = build.icmp_signed("<", pixels, nothing)  # The highest bit is that of alpha.
        claimed = build.select(is_opaque, code.everywhere(own, LANES, 16), code.load(owners))
        code.store(claimed, owners)
        over = build.bitcast(pixels, _vector(4 * LANES, 8))
        behind = code.rest_of_255(code.for_channels(over, lambda channel: channel | 3))
        under = code.place(image, at, 4 * LANES, 8)
        code.store(code.sum(over, code.scaled(code.load(under), behind)), under)


@intrinsic  # type: ignore[untyped-decorator]
def _shade_step(
    _: BaseContext, image: Type, shadows: Type, at: Type, skip: Type, opacity: Type
) -> Intrinsic:
    """Darken eight pixels by `opacity` of what `shadows` says."""
    return types.void(image, shadows, at, skip, opacity), _written(_write_shade)


def _write_shade(code: _Writer) -> None:
    image, shadows, at, skip, opacity = range(5)
    dark = code.scaled(
        code.load(code.place(shadows, at, LANES, 8)), code.everywhere(opacity, LANES, 8)
    )
    dark = code.builder.select(code.not_skipped(skip), dark, _constant([0] * LANES, 8))
    kept = code.rest_of_255(code.for_channels(dark, lambda channel: channel // 4))
    under = code.place(image, at, 4 * LANES, 8)
    code.store(code.scaled(code.load(under), kept), under)


@intrinsic  # type: ignore[untyped-decorator]
def _tint_step(
    _: BaseContext, bgra: Type, light: Type, at: Type, skip: Type, tint: Type
) -> Intrinsic:
    """Add to eight pixels what `light` says of a colour `tint`, which is a whole pixel."""
    return types.void(bgra, light, at, skip, tint), _written(_write_tint)


def _write_tint(code: _Writer) -> None:
    bgra, light, at, skip, tint = range(5)
    share = code.load(code.place(light, at, LANES, 8))
    share = code.builder.select(code.not_skipped(skip), share, _constant([0] * LANES, 8))
    shares = code.for_channels(share, lambda channel: channel // 4)
    colour = code.builder.bitcast(code.everywhere(tint, LANES, 32), _vector(4 * LANES, 8))
    pixels = code.place(bgra, at, 4 * LANES, 8)
    code.store(code.sum(code.load(pixels), code.scaled(colour, shares)), pixels)


@intrinsic  # type: ignore[untyped-decorator]
def _mix_wide(
    _: BaseContext, rows: Type, one: Type, other: Type, share: Type, out: Type, to: Type
) -> Intrinsic:
    """Mix `WIDE` bytes of two rows, with a share of the other in 1/256; rounded.

    The rows begin with elements `one` and `other` of `rows`; what comes out is written into `out`
    from element `to` on.
    """
    signature = types.void(rows, one, other, share, out, to)
    return signature, _written(lambda code: _write_mix(code, WIDE))


@intrinsic  # type: ignore[untyped-decorator]
def _mix_narrow(
    _: BaseContext, rows: Type, one: Type, other: Type, share: Type, out: Type, to: Type
) -> Intrinsic:
    """As `_mix_wide`, `NARROW` bytes."""
    signature = types.void(rows, one, other, share, out, to)
    return signature, _written(lambda code: _write_mix(code, NARROW))


def _write_mix(code: _Writer, lanes: int) -> None:
    rows, one, other, share, out, to = range(6)
    build, wide = code.builder, _vector(lanes, 16)
    first, second = (
        build.zext(code.load(code.place(rows, at, lanes, 8)), wide) for at in (one, other)
    )
    shares = code.everywhere(share, lanes, 16)
    rest = build.sub(_constant([256] * lanes, 16), shares)
    mixed = build.add(build.mul(first, rest), build.mul(second, shares))
    mixed = build.lshr(build.add(mixed, _constant([128] * lanes, 16)), _constant([8] * lanes, 16))
    code.store(build.trunc(mixed, _vector(lanes, 8)), code.place(out, to, lanes, 8))


@intrinsic  # type: ignore[untyped-decorator]
def _turn_step(
    _: BaseContext, pixels: Type, at: Type, stride: Type, out: Type, to: Type, out_stride: Type
) -> Intrinsic:
    """Turn the rows of a square of pixels, `TURNED_SIDES` of each, into columns.

    Args:
        pixels, at: where its first row begins; each further one lies `stride` elements later.
        out, to: where its first column begins, likewise.
    """
    signature = types.void(pixels, at, stride, out, to, out_stride)
    return signature, _written(lambda code: _write_turn(code, pixels.dtype.bitwidth))


def _write_turn(code: _Writer, bits: int) -> None:
    pixels, at, stride, out, to, out_stride = range(6)
    build, side = code.builder, TURNED_SIDES[bits == 8]
    numbers = [ir.Constant(code.arguments[stride].type, number) for number in range(side)]

    def place(array: int, start: int, step: int, number: ir.Value) -> ir.Value:
        far = build.mul(code.arguments[step], number)
        return code.vector_at(array, build.add(code.arguments[start], far), side, bits)

    rows = [code.load(place(pixels, at, stride, number)) for number in numbers]
    half = side // 2
    zipped = [[n // 2 + side * (n % 2) + first for n in range(side)] for first in (0, half)]
    for _ in range(half.bit_length()):  # Each time, rows half a square apart are zipped together.
        pairs = zip(rows[:half], rows[half:], strict=True)
        rows = [
            build.shuffle_vector(one, other, _constant(order, 32))
            for one, other in pairs
            for order in zipped
        ]
    for row, number in zip(rows, numbers, strict=True):
        code.store(row, place(out, to, out_stride, number))


@intrinsic  # type: ignore[untyped-decorator]
def _count_step(
    _: BaseContext, ids: Type, bgra: Type, at: Type, skip: Type, own: Type, columns: Type
) -> Intrinsic:
    """Count the opaque ones among eight pixels, and those of them where `ids` is `own`.

    Returns:
        How many are opaque, plus 65536 times how many are `own`; `columns`, uint32 for each column
        of the row, grows by the same.
    """
    return types.int64(ids, bgra, at, skip, own, columns), _written(_write_count)


def _write_count(code: _Writer) -> ir.Value:
    ids, bgra, at, skip, own, columns = range(6)
    build, nothing = code.builder, _constant([0] * LANES, 32)
    is_opaque = build.icmp_signed("<", code.load(code.place(bgra, at, LANES, 32)), nothing)
    is_opaque = build.and_(is_opaque, code.not_skipped(skip))
    counted = cgutils.alloca_once_value(build, ir.Constant(ir.IntType(64), 0))
    with build.if_then(code.is_any_set(is_opaque)):
        owners = code.load(code.place(ids, at, LANES, 16))
        is_own = build.icmp_unsigned("==", owners, code.everywhere(own, LANES, 16))
        is_own = build.and_(is_own, is_opaque)
        found = build.or_(
            build.select(is_opaque, _constant([1] * LANES, 32), nothing),
            build.select(is_own, _constant([1 << 16] * LANES, 32), nothing),
        )
        place = code.place(columns, at, LANES, 32)
        code.store(build.add(code.load(place), found), place)
        shifted = build.shl(code.set_lanes(is_own), ir.Constant(ir.IntType(64), 16))
        build.store(build.or_(code.set_lanes(is_opaque), shifted), counted)
    return build.load(counted)


@compiled
def _ask_for_row(rows: Words | Ids, at: int, size: int) -> None:
    """Ask for a piece of an image's row, if the image has it.

    The pieces of an image that a sprite covers lie too far apart for a processor to foresee them;
    waiting for them takes half of the time of blending.
    """
    if at + size <= rows.size:
        for n in range(0, size + CACHE_LINE // rows.itemsize - 1, CACHE_LINE // rows.itemsize):
            _ask_for(rows, at + min(n, size - 1))


@compiled
def _interpolate(
    rows: Words | Bytes, shape: tuple[int, int], out: Words | Bytes, count: int
) -> None:
    """So many rows, evenly between those that there are.

    Args:
        rows, out: pixels, row by row.
        shape: how many rows there are, and the pixels of each.
        count: of rows that are made.
    """
    available, size = shape
    wide, narrow = WIDE // rows.itemsize, NARROW // rows.itemsize
    step = (available << 16) // count
    place = step // 2 - (1 << 15)
    for number in range(count):
        at = min(max(place, 0), (available - 1) << 16)
        share = (at >> 8) & 255
        one, to = (at >> 16) * size, number * size
        other = min((at >> 16) + 1, available - 1) * size
        if size >= wide:
            for n in range(0, size - wide, wide):
                _mix_wide(rows, one + n, other + n, share, out, to + n)
            last = size - wide
            _mix_wide(rows, one + last, other + last, share, out, to + last)
        elif size >= narrow:
            for n in range(0, size - narrow, narrow):
                _mix_narrow(rows, one + n, other + n, share, out, to + n)
            last = size - narrow
            _mix_narrow(rows, one + last, other + last, share, out, to + last)
        else:
            for n in range(size):
                out[to + n] = _between(rows[one + n], rows[other + n], np.uint32(share))
        place += step


@compiled
def _turn(pixels: Words | Bytes, shape: tuple[int, int], out: Words | Bytes) -> None:
    """Rows become columns."""
    rows, columns = shape
    side = TURNED_SIDES[int(pixels.itemsize == 1)]
    if rows < side or columns < side:
        for column in range(columns):
            for row in range(rows):
                out[column * rows + row] = pixels[row * columns + column]
        return
    for upper in range(0, rows, side):
        row = min(upper, rows - side)
        for left in range(0, columns, side):
            column = min(left, columns - side)
            _turn_step(pixels, row * columns + column, columns, out, column * rows + row, rows)


@compiled
def _level_for(place: Whole, rows: int, columns: int) -> tuple[int, int, int]:
    """Where the smallest level begins that is no smaller than that, its rows and its columns."""
    _, height, width, levels = place
    start = 0
    for _ in range(1, levels):
        lower, narrower = (height + 1) // 2, (width + 1) // 2
        if lower < rows or narrower < columns:
            break
        start += height * width
        height, width = lower, narrower
    return start, height, width


@compiled
def resize(
    place: Whole,
    shape: tuple[int, int],
    scratch: tuple[Words | Bytes, Words | Bytes],
    out: Words | Bytes,
) -> None:
    """Make an image at another size of its pyramid.

    Args:
        place: `Pyramid.place`.
        shape: rows and columns that are made.
        scratch: two arrays with room for as many columns of the pyramid's largest level.
        out: pixels, row by row.
    """
    (rows, columns), (once, turned) = shape, scratch
    start, height, width = _level_for(place, rows, columns)
    level = carray(_pixels_at(place[0], out), start + height * width)[start:]
    _interpolate(level, (width, height), once, columns)
    _turn(once, (columns, height), turned)
    _interpolate(turned, (height, columns), out, rows)


@compiled
def draw_sprites(sprites: Sprites, bgra: Words, table: Table, tints: Words) -> None:
    """`bgra` is a plane, `tints` a colour for each sprite, 0 for nobody's."""
    most, largest = 1, 1
    for number in range(table.shape[0]):
        _, rows, columns, _, _ = table[number]
        most = max(most, sprites[number, BGRA, 1] * columns, sprites[number, LIGHT, 1] * columns)
        largest = max(largest, rows * columns)
    scratch = np.empty(most, np.uint32), np.empty(most, np.uint32)
    light_scratch = np.empty(most, np.uint8), np.empty(most, np.uint8)
    light = np.empty(largest, np.uint8)
    for number in range(table.shape[0]):
        first, rows, columns, _, _ = table[number]
        pixels = bgra[first : first + rows * columns]
        resize(sprites[number, BGRA], (rows, columns), scratch, pixels)
        if tints[number] and sprites[number, LIGHT, 0]:
            shares = light[: rows * columns]
            resize(sprites[number, LIGHT], (rows, columns), light_scratch, shares)
            tint_pixels(pixels, shares, tints[number])


@compiled
def tint_pixels(pixels: Words, shares: Bytes, tint: np.uint32) -> None:
    """Add to a sprite's pixels their shares of 255 of a colour."""
    size = pixels.size
    if size < LANES:
        for n in range(size):
            share, pixel = np.uint32(shares[n]), pixels[n]
            low = _sum(pixel & PAIR, _scaled(tint & PAIR, share))
            high = _sum(
                (pixel >> np.uint32(8)) & PAIR, _scaled((tint >> np.uint32(8)) & PAIR, share)
            )
            pixels[n] = low | (high << np.uint32(8))
    else:
        for n in range(0, size - LANES + 1, LANES):
            _tint_step(pixels, shares, n, 0, tint)
        if size % LANES:
            _tint_step(pixels, shares, size - LANES, -size % LANES, tint)


@compiled
def cast_shadows(
    image: Words, sprites: Sprites, table: Table, scales: Scales, opacity: int
) -> None:
    """`image` is [height, width]; a sprite at scale 0 casts no shadow."""
    most, largest = 1, 1
    rows_of_table = np.zeros((len(scales), 5), np.int64)
    for number in range(len(scales)):
        scale = scales[number]
        rows, columns, x, y = sprites[number, CAST]
        row = rows_of_table[number]
        if scale > 0.0 and sprites[number, SHADOW, 0]:
            row[1] = max(1, int(np.rint(rows * scale)))
            row[2] = max(1, int(np.rint(columns * scale)))
            row[3] = table[number, 3] + int(np.rint(x * scale))
            row[4] = table[number, 4] + int(np.rint(y * scale))
            most = max(most, sprites[number, SHADOW, 1] * row[2])
            largest = max(largest, row[1] * row[2])
    scratch = np.empty(most, np.uint8), np.empty(most, np.uint8)
    shadow = np.empty(largest, np.uint8)
    for number in range(len(scales)):
        row = rows_of_table[number]
        if row[1]:
            darkness = shadow[: row[1] * row[2]]
            resize(sprites[number, SHADOW], (row[1], row[2]), scratch, darkness)
            shade(image, darkness, row, opacity)


@compiled
def shade(image: Words, darkness: Bytes, row_of_table: Whole, opacity: int) -> None:
    """`image` is [height, width], `darkness` that of one plane's image."""
    height, width = image.shape
    pixels, strength = image.reshape(-1), np.uint32(opacity)
    _, _, columns, left, top = row_of_table
    y1, y2, x1, x2 = _window(row_of_table, width, height)
    size = max(0, x2 - x1)
    for row in range(y1, y2):
        start, to = row * columns + x1, (row + top) * width + left + x1
        _ask_for_row(pixels, to + AHEAD * width, size)
        dark, beneath = darkness[start : start + size], pixels[to : to + size]
        if size < LANES:
            for n in range(size):
                kept = np.uint32(255) - _scaled(np.uint32(dark[n]), strength)
                low = _scaled(beneath[n] & PAIR, kept)
                high = _scaled((beneath[n] >> np.uint32(8)) & PAIR, kept)
                beneath[n] = low | (high << np.uint32(8))
        else:
            for n in range(0, size - LANES + 1, LANES):
                _shade_step(beneath, dark, n, 0, strength)
            if size % LANES:
                _shade_step(beneath, dark, size - LANES, -size % LANES, strength)


@compiled
def composite(image: Words, ids: Ids, bgra: Words, table: Table) -> None:
    """`image` and `ids` are [height, width], `bgra` is a plane."""
    height, width = ids.shape
    pixels, numbers = image.reshape(-1), ids.reshape(-1)
    for number in range(table.shape[0]):
        first, _, columns, left, top = table[number]
        y1, y2, x1, x2 = _window(table[number], width, height)
        own, size = np.uint16(number + 1), max(0, x2 - x1)
        for row in range(y1, y2):
            start, to = first + row * columns + x1, (row + top) * width + left + x1
            sprite = bgra[start : start + size]
            _ask_for_row(pixels, to + AHEAD * width, size)
            _ask_for_row(numbers, to + AHEAD * width, size)
            beneath, owners = pixels[to : to + size], numbers[to : to + size]
            if size < LANES:
                _composite_few(beneath, owners, sprite, own)
            else:
                for n in range(0, size - LANES + 1, LANES):
                    _composite_step(beneath, owners, sprite, n, 0, own)
                if size % LANES:
                    _composite_step(beneath, owners, sprite, size - LANES, -size % LANES, own)


@compiled
def _composite_few(beneath: Words, owners: Ids, sprite: Words, own: np.uint16) -> None:
    for n in range(beneath.size):
        pixel, under = sprite[n], beneath[n]
        behind = np.uint32(255) - (pixel >> np.uint32(24))
        low = _sum(pixel & PAIR, _scaled(under & PAIR, behind))
        high = _sum((pixel >> np.uint32(8)) & PAIR, _scaled((under >> np.uint32(8)) & PAIR, behind))
        beneath[n] = low | (high << np.uint32(8))
        owners[n] = own if pixel >> np.uint32(31) else owners[n]


@inlined
def _times(colour: np.uint32, share: np.float32) -> np.uint32:
    """A share of one channel of a pixel, rounded; half to the even number."""
    return np.uint32(np.rint(np.float32(colour & np.uint32(255)) * share))


@inlined
def _share_of_pixel(pixel: np.uint32, share: np.float32) -> np.uint32:
    """RGBA becomes BGRA, its colours multiplied."""
    red, green = _times(pixel, share), _times(pixel >> np.uint32(8), share)
    blue = _times(pixel >> np.uint32(16), share)
    return blue | (green << np.uint32(8)) | (red << np.uint32(16)) | (pixel & ALPHA)


@inlined
def _swapped(pixel: np.uint32) -> np.uint32:
    """RGBA becomes BGRA."""
    red, blue = pixel & np.uint32(255), (pixel >> np.uint32(16)) & np.uint32(255)
    return (pixel & GREEN_AND_ALPHA) | (red << np.uint32(16)) | blue


@compiled
def premultiply(rgba: Words, opacities: Floats, out: Words) -> None:
    """`opacities` are from 0 to 1, by alpha."""
    for n in range(rgba.size):
        pixel = rgba[n]
        alpha = pixel >> np.uint32(24)
        if alpha == np.uint32(255):
            out[n] = _swapped(pixel)
        elif alpha:
            out[n] = _share_of_pixel(pixel, opacities[alpha])
        else:
            out[n] = 0


@compiled
def premultiply_for_teams(
    sprite: tuple[Words, Bytes], parts: Floats, luminance: Floats, out: tuple[Words, Bytes]
) -> None:
    """As `premultiply` of a sprite's pixels and weights, into pixels and light.

    Args:
        parts: [256, 256], of the opacity from 0 to 1, by alpha and weight.
        luminance: of red, green and blue.
    """
    rgba, weights = sprite
    bgra, light = out
    for n in range(rgba.size):
        pixel, weight = rgba[n], weights[n]
        alpha = pixel >> np.uint32(24)
        light[n] = 0
        if alpha == np.uint32(255) and not weight:
            bgra[n] = _swapped(pixel)
        elif alpha:
            bgra[n] = _share_of_pixel(pixel, parts[alpha, 255 - weight])
            red = luminance[0] * np.float32(pixel & np.uint32(255))
            green = luminance[1] * np.float32((pixel >> np.uint32(8)) & np.uint32(255))
            blue = luminance[2] * np.float32((pixel >> np.uint32(16)) & np.uint32(255))
            light[n] = np.rint((red + green + blue) * parts[alpha, weight])
        else:
            bgra[n] = 0


@compiled
def fill(image: Words, patches: Whole, colours: Words) -> None:
    """`image` is [height, width]; `patches` have left, top, width, height."""
    for number in range(len(patches)):
        left, top, width, height = patches[number]
        for row in range(max(top, 0), min(top + height, image.shape[0])):
            for column in range(max(left, 0), min(left + width, image.shape[1])):
                image[row, column] = colours[number]


@compiled
def measure(ids: Ids, bgra: Words, table: Table, measures: Measures) -> None:
    """`ids` are [height, width], `bgra` is a plane; fills `measures`, which are zeros."""
    height, width = ids.shape
    numbers = ids.reshape(-1)
    in_columns, in_rows = np.empty(width, np.uint32), np.empty(height, np.int64)
    for number in range(table.shape[0]):
        first, rows, columns, left, top = table[number]
        found, sprite = measures[number], bgra[first : first + rows * columns]
        found[4] = found[8] = width
        found[5] = found[9] = height
        y1, y2, x1, x2 = _window(table[number], width, height)
        if y2 > y1 and x2 > x1:
            across, along = in_columns[: x2 - x1], in_rows[: y2 - y1]
            place = (numbers, width, sprite, table[number])
            _count(place, np.uint16(number + 1), across, along)
            for n in range(along.size):
                found[1] += along[n] & LOWER
                found[2] += along[n] >> 16
            if found[1]:
                found[4], found[6] = _ends(across, LOWER, left + x1)
                found[5], found[7] = _ends(along, LOWER, top + y1)
            if found[2]:
                found[8], found[10] = _ends(across, UPPER, left + x1)
                found[9], found[11] = _ends(along, UPPER, top + y1)
            if found[2] < found[1]:
                _count(place, np.uint16(0), across, along)
                for n in range(along.size):
                    found[3] += along[n] >> 16
        found[0] = found[1]
        if max(0, y2 - y1) * max(0, x2 - x1) < sprite.size:  # A part of it lies outside.
            opaque = 0
            for n in range(sprite.size):
                opaque += sprite[n] >> np.uint32(31)
            found[0] = opaque


@compiled
def _count(
    place: tuple[Ids, int, Words, Whole], own: np.uint16, across: Words, along: Whole
) -> None:
    """What `_count_step` says, for each column and each row of a sprite inside the image."""
    ids, width, sprite, row_of_table = place
    _, _, columns, left, top = row_of_table
    y1, x1, size = max(0, -top), max(0, -left), across.size
    across[:] = 0
    for row in range(along.size):
        start, to = (row + y1) * columns + x1, (row + y1 + top) * width + left + x1
        _ask_for_row(ids, to + AHEAD * width, size)
        pixels, owners, found = sprite[start : start + size], ids[to : to + size], 0
        if size < LANES:
            for n in range(size):
                is_opaque = pixels[n] >> np.uint32(31)
                both = is_opaque | ((is_opaque & np.uint32(owners[n] == own)) << np.uint32(16))
                across[n] += both
                found += both
        else:
            for n in range(0, size - LANES + 1, LANES):
                found += _count_step(owners, pixels, n, 0, own, across)
            if size % LANES:
                found += _count_step(owners, pixels, size - LANES, -size % LANES, own, across)
        along[row] = found


@compiled
def _ends(counts: Words | Whole, part: int, at: int) -> tuple[int, int]:
    """The first of some columns or rows with something in it, and the one after the last."""
    start, stop = 0, counts.size
    while not counts[start] & part:
        start += 1
    while not counts[stop - 1] & part:
        stop -= 1
    return at + start, at + stop
