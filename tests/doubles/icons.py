"""Icons that look alike, as players' screenshots show them: drawn here, of no game.

Names come in families of four: one shape, of which the second has another gem, the third is
mirrored and the fourth has another handle.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np
from detector_runtime.classify.hashes import perceptual_hash
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from pipeline.community.staged_crops import CropKind
from pipeline.community.voted_crops import CropMember, VotedCrop, VotedCrops, Votes

SIDE = 64
FAMILY = 4
GEMS = ((200, 30, 40), (40, 90, 210), (30, 160, 70), (210, 170, 40))
HANDLES = ((120, 80, 40), (90, 90, 110))


def icon_name(number: int) -> str:
    """The name of an icon."""
    return f"Icon {number // FAMILY:02d}-{number % FAMILY}"


def draw_art(number: int) -> Image.Image:
    """The clean art of an icon, 64x64."""
    family, member = divmod(number, FAMILY)
    rng = np.random.default_rng([7, family])
    ground = tuple(int(v) for v in rng.integers(20, 90, 3))
    image = Image.new("RGB", (SIDE, SIDE), ground)
    pen = ImageDraw.Draw(image)
    corners = [tuple(int(v) for v in rng.integers(6, 58, 2)) for _ in range(5)]
    metal = tuple(int(v) for v in rng.integers(130, 230, 3))
    pen.polygon(corners, fill=metal, outline=(10, 10, 10))
    handle = HANDLES[member == 3]
    x, y = (int(v) for v in rng.integers(8, 44, 2))
    pen.rectangle((x, y, x + 8, y + 20), fill=handle, outline=(15, 15, 15))
    gem = GEMS[(family + (member == 1)) % len(GEMS)]
    x, y = (int(v) for v in rng.integers(10, 40, 2))
    pen.ellipse((x, y, x + 13, y + 13), fill=gem, outline=(240, 240, 240))
    return image.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if member == 2 else image


def draw_crop(art: Image.Image, rng: np.random.Generator) -> Image.Image:
    """An icon in somebody's screenshot: shifted, scaled, lit, with a count or a cooldown."""
    side = int(rng.integers(44, 76))
    image = art.resize((side, side), Image.Resampling.BILINEAR)
    pen = ImageDraw.Draw(image)
    if rng.random() < 0.3:
        pen.text((side - 16, side - 13), str(rng.integers(2, 99)), fill=(250, 250, 240))
    if rng.random() < 0.15:
        shade = Image.new("RGB", image.size)
        mask = Image.new("L", image.size)
        reach = (-side, -side, 2 * side, 2 * side)
        ImageDraw.Draw(mask).pieslice(reach, -90, int(rng.integers(-60, 250)), fill=130)
        image = Image.composite(shade, image, mask)
    if rng.random() < 0.3:
        image = image.filter(ImageFilter.GaussianBlur(float(rng.uniform(0.3, 0.9))))
    shift = [int(v) for v in rng.integers(-3, 4, 2)]
    image = image.transform(image.size, Image.Transform.AFFINE, (1, 0, shift[0], 0, 1, shift[1]))
    lit = np.asarray(image, np.float32) * rng.uniform(0.85, 1.15) + rng.normal(
        0, 3, (side, side, 3)
    )
    return Image.fromarray(lit.clip(0, 255).astype(np.uint8))


def png_of(image: Image.Image) -> bytes:
    """The bytes of a PNG file."""
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


@dataclass(frozen=True)
class DrawnCrops:
    """Crops of several players with their true names.

    Attributes:
        pixels: uint8 [n, 64, 64, 3].
        labels: int64 [n].
        files: the bytes of each as a PNG file.
    """

    pixels: NDArray[np.uint8]
    labels: NDArray[np.int64]
    files: tuple[bytes, ...]


def draw_crops(art: Sequence[Image.Image], count: int, seed: int = 0) -> DrawnCrops:
    """Crops of icons in turn; the label of an icon is its place in the art."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % len(art)
    images = [draw_crop(art[number], rng) for number in labels]
    fitted = [image.resize((SIDE, SIDE), Image.Resampling.BILINEAR) for image in images]
    pixels = np.stack([np.asarray(image) for image in fitted])
    return DrawnCrops(pixels, labels, tuple(map(png_of, images)))


def write_voted_crops(
    folder: Path,
    names: int = 4,
    players: int = 8,
    each: int = 2,
    kind: CropKind = "icon",
    seed: int = 0,
) -> VotedCrops:
    """The artifact `voted_crops`: each player has sent each icon so often, each in a group.

    Images of one player and icon are groups of their own, of one image; of each third icon, those
    of all players are one group.
    """
    folder.mkdir(parents=True, exist_ok=True)
    source = folder.parent / f"{folder.name}_source"
    source.mkdir(exist_ok=True)
    rng = np.random.default_rng(seed)
    files: dict[str, Path] = {}
    groups = []
    for number in range(names):
        members = []
        for player in range(players):
            for _ in range(each):
                image = draw_crop(draw_art(number), rng)
                content = png_of(image)
                digest = sha256(content).hexdigest()
                files[digest] = source / f"{digest}.png"
                files[digest].write_bytes(content)
                who = (f"player-{player}",)
                phash = perceptual_hash(image)
                members.append(CropMember(sha256=digest, phash=phash, contributors=who))
        groups += list(_groups(kind, number, members))
    crops = sorted(groups, key=lambda crop: (crop.kind, crop.label, crop.members[0].sha256))
    return VotedCrops.write(folder, Votes(crops=tuple(crops)), files)


def _groups(kind: CropKind, number: int, members: list[CropMember]) -> Iterator[VotedCrop]:
    parts = [members] if number % 3 == 2 else [[member] for member in members]
    label = icon_name(number) if kind == "icon" else f"SCREEN_{number}"
    for part in parts:
        voters = tuple(sorted({who for member in part for who in member.contributors}))
        yield VotedCrop(
            kind=kind,
            slot="icon" if kind == "icon" else "",
            label=label,
            status="accepted",
            confidence=0.95,
            votes={label: voters},
            members=tuple(part),
        )
