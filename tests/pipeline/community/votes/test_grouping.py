"""Near duplicates come together, look-alikes do not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random

import numpy as np
import pytest
from detector_runtime.classify.hashes import perceptual_hash
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageFilter, ImageOps

from pipeline.community.votes.grouping import (
    NEAR,
    SIDE,
    SIGNATURE,
    WINDOW,
    Colours,
    ComparedImages,
    compare_images,
    group_near_duplicates,
    window_means,
)


def sword(gem: str = "red", blade: str = "silver") -> Image.Image:
    image = Image.new("RGB", (64, 64), "#202838")
    pen = ImageDraw.Draw(image)
    pen.line((12, 52, 52, 12), blade, 7)
    pen.line((14, 34, 30, 50), "#8a5a20", 6)
    pen.ellipse((8, 46, 18, 56), gem)
    return image


def as_others_see_it(image: Image.Image, seed: int) -> Image.Image:
    """Scaled, blurred a little, moved by part of a pixel, and with noise."""
    rng = np.random.default_rng(seed)
    left, top = rng.uniform(-0.7, 0.7, 2)
    moved = image.transform(
        image.size, Image.Transform.AFFINE, (1, 0, left, 0, 1, top), Image.Resampling.BICUBIC
    )
    side = int(rng.integers(52, 80))
    scaled = moved.resize((side, side), Image.Resampling.BILINEAR).resize((64, 64))
    blurred = scaled.filter(ImageFilter.GaussianBlur(float(rng.uniform(0, 0.6))))
    pixels = np.asarray(blurred, dtype=np.int16) + rng.integers(-6, 7, (64, 64, 3))
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def groups_of(images: dict[str, Image.Image]) -> list[set[str]]:
    compared = compare_images(
        [(name, perceptual_hash(image), [name]) for name, image in images.items()],
        lambda name: window_means(images[name]),
    )
    return [
        {compared.digests[one] for one in group.images} for group in group_near_duplicates(compared)
    ]


def test_crops_of_one_icon_by_many_players_are_one_group() -> None:
    images = {f"{seed:02}": as_others_see_it(sword(), seed) for seed in range(20)}
    assert groups_of(images) == [{*images}]


LOOK_ALIKES = {
    "another gem": sword(gem="blue"),
    "a gem of nearly that colour": sword(gem="#ff8000"),
    "another blade": sword(blade="gold"),
    "a mirror image": ImageOps.mirror(sword()),
    "upside down": ImageOps.flip(sword()),
}


@pytest.mark.parametrize("other", LOOK_ALIKES)
def test_look_alikes_stay_apart(other: str) -> None:
    images = {f"a{seed}": as_others_see_it(sword(), seed) for seed in range(5)}
    images |= {f"b{seed}": as_others_see_it(LOOK_ALIKES[other], seed) for seed in range(5)}
    found = groups_of(images)
    assert sorted("".join(sorted({name[0] for name in group})) for group in found) == ["a", "b"]


def test_a_gem_of_another_colour_leaves_the_perceptual_hash_as_it_is() -> None:
    """Why hashes alone do not tell icons apart."""
    gems = ("#4040a0", "#405078")
    assert len({perceptual_hash(sword(gem)) for gem in gems}) == 1
    assert groups_of({gem: sword(gem) for gem in gems}) == [{gem} for gem in gems]


@pytest.mark.parametrize(("left", "top"), [(2, -2), (-1, 2), (0, 1)])
def test_a_box_that_is_off_by_two_pixels_changes_nothing(left: int, top: int) -> None:
    rng = np.random.default_rng(1)
    small = Image.fromarray(rng.integers(0, 256, (12, 12, 3), dtype=np.uint8))
    icon = small.resize((80, 80), Image.Resampling.BICUBIC)
    boxes = {"exact": (8, 8, 72, 72), "moved": (8 + left, 8 + top, 72 + left, 72 + top)}
    assert len(groups_of({name: icon.crop(box) for name, box in boxes.items()})) == 1


def test_windows_hold_the_mean_colours_of_what_is_in_them() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
    means = window_means(Image.fromarray(pixels))
    for top, left in ((0, 0), (5, 40), (SIDE - WINDOW, SIDE - WINDOW)):
        window = pixels[top : top + WINDOW, left : left + WINDOW].astype(int)
        assert means[top, left].tolist() == (window.sum(axis=(0, 1)) // WINDOW**2).tolist()


def test_dark_images_are_told_apart_by_their_shapes() -> None:
    """Their colours differ by less than what two crops of one icon differ by."""
    images = {"a": Image.new("RGB", (64, 64), (20, 20, 20)), "b": Image.new("RGB", (64, 64))}
    ImageDraw.Draw(images["a"]).ellipse((10, 20, 30, 60), (32, 32, 32))
    images["b"].paste((20, 20, 20), (0, 0, 64, 64))
    ImageDraw.Draw(images["b"]).rectangle((34, 4, 60, 24), (32, 32, 32))
    assert groups_of(images) == [{"a"}, {"b"}]


def test_nothing_makes_no_groups() -> None:
    assert groups_of({}) == []


def compared(hashes: list[int], colours: list[int], senders: list[int]) -> ComparedImages:
    count = min(len(hashes), len(colours), len(senders))
    digests = tuple(f"{number:03}" for number in range(count))
    return of_one_colour(digests, hashes, dict(zip(digests, colours, strict=False)), senders)


def of_one_colour(
    digests: Sequence[str],
    hashes: Sequence[int],
    colours: Mapping[str, int],
    senders: Sequence[int],
) -> ComparedImages:
    def windows(digest: str) -> Colours:
        return np.full((SIDE - WINDOW + 1, SIDE - WINDOW + 1, 3), colours[digest], dtype=np.uint8)

    return ComparedImages(
        tuple(digests),
        np.array(hashes[: len(digests)], dtype=np.uint64),
        np.array([[colours[one]] * SIGNATURE for one in digests], np.uint8).reshape(-1, SIGNATURE),
        np.array(senders[: len(digests)], dtype=np.intp),
        windows,
    )


def test_what_most_contributors_have_sent_becomes_the_centre() -> None:
    """All are near the second image; the first and the third are not near each other."""
    images = compared([0, 0, 0], [10, 30, 50], [1, 2, 1])
    assert [group.images for group in group_near_duplicates(images)] == [(1, 0, 2)]


def test_whoever_sends_one_look_often_makes_no_centre_of_it() -> None:
    flood = [(f"{number:03}", "0" * 16, ["a"]) for number in range(5)]
    images = compare_images(
        [*flood, ("known", "f" * 16, ["a", "b"])], lambda _: window_means(sword())
    )
    assert images.senders.tolist() == [1] * 5 + [2]


IMAGES = st.builds(
    compared,
    st.lists(st.integers(0, 2**24), max_size=25),
    st.lists(st.integers(0, 90), max_size=25),
    st.lists(st.integers(1, 3), max_size=25),
)


@settings(deadline=None, max_examples=50)
@given(IMAGES)
def test_each_image_is_in_one_group_near_its_centre(images: ComparedImages) -> None:
    groups = group_near_duplicates(images)
    assert sorted(one for group in groups for one in group.images) == [*range(len(images.digests))]
    for group in groups:
        centre, *others = group.images
        assert others == sorted(others)
        assert all(is_near(images, centre, other) for other in others)


@settings(deadline=None, max_examples=50)
@given(IMAGES)
def test_centres_that_are_grouped_again_stay_alone(images: ComparedImages) -> None:
    centres = [group.images[0] for group in group_near_duplicates(images)]
    again = group_near_duplicates(taken(images, centres))
    assert [len(group.images) for group in again] == [1] * len(centres)


@settings(deadline=None, max_examples=50)
@given(IMAGES, st.randoms(use_true_random=False))
def test_the_order_of_images_decides_nothing(images: ComparedImages, random: Random) -> None:
    shuffled = [*range(len(images.digests))]
    random.shuffle(shuffled)
    assert named(images) == named(taken(images, shuffled))


def taken(images: ComparedImages, places: list[int]) -> ComparedImages:
    return ComparedImages(
        tuple(images.digests[one] for one in places),
        images.hashes[places],
        images.signatures[places],
        images.senders[places],
        images.windows,
    )


def named(images: ComparedImages) -> list[tuple[str, ...]]:
    return [
        tuple(images.digests[one] for one in group.images)
        for group in group_near_duplicates(images)
    ]


def is_near(images: ComparedImages, a: int, b: int) -> bool:
    bits = int(images.hashes[a] ^ images.hashes[b]).bit_count()
    colours = images.signatures[[a, b], 0].astype(int)  # of one colour each
    return bits <= NEAR.hash_bits and bool(abs(colours[0] - colours[1]) <= NEAR.colour)
