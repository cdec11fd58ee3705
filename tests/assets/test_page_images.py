"""Images of an asset's page: short markdown that refers to files which Dagster's server serves."""

import io
import re
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from assets.core.metadata import SHOWN_WIDTH, LinkedTable, ShownImage, drawing, image, table
from assets.core.page_images import (
    SHOWN_AT_ONCE,
    images_folder,
    images_named_in,
    served_markdown,
    with_images_inside,
    with_images_served,
)

SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="900" height="300"><rect width="9"/></svg>'
SERVED = re.compile(r"/logs/images/([0-9a-f]+)/(\w+)")


def encoded(width: int, height: int, seed: int = 0) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 255, (height, width, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


def text_of(metadata: Any) -> str:
    value = metadata["preview"]
    assert isinstance(value, dg.MarkdownMetadataValue)
    return str(value.md_str)


def test_images_are_served_by_address_in_markdown_that_is_shown_at_once() -> None:
    images = [image(encoded(900, 500), "samples"), drawing(SVG, "curves")]
    with dg.instance_for_test() as instance:
        metadata = with_images_served(instance, {"count": 2, "preview": images})
        text = text_of(metadata)
        assert metadata["count"] == 2
        assert len(text) < SHOWN_AT_ONCE
        small, full, svg, whole_svg = SERVED.findall(text)
        contents = [served(instance, *found) for found in (small, full, svg, whole_svg)]
        assert contents == [images[0].small, images[0].full, images[1].small, images[1].full]
        names = set(images_named_in(metadata))
        assert {file.name for file in Path(str(images_folder(instance))).iterdir()} == names


def test_a_row_of_a_table_leads_to_its_image() -> None:
    frame = image(encoded(900, 500), "frame")
    shown = LinkedTable(["image", "why"], [["a_[1]|<b>.png", "x"], ["c.png", "y"]], [frame, None])
    with dg.instance_for_test() as instance:
        metadata = with_images_served(instance, {"count": 2, "rejected": shown})
        assert set(metadata) == {"count", "rejected"}
        *_, linked, plain = str(metadata["rejected"].md_str).splitlines()
        assert linked.startswith(r"| [a\_\[1\]\|&lt;b>.png](/logs/images/")
        assert plain == "| c.png | y |"
        ((digest, suffix),) = SERVED.findall(linked)
        assert served(instance, digest, suffix) == frame.full
        assert f"{digest}.{suffix}" in set(images_named_in(metadata)), "housekeeping keeps it"


def test_where_images_cannot_be_served_a_table_has_no_links() -> None:
    frame = image(encoded(60, 50), "frame")
    shown = LinkedTable(["image"], [["a_1.png"]], [frame])
    overrides = {
        "compute_logs": {
            "module": "dagster._core.storage.noop_compute_log_manager",
            "class": "NoOpComputeLogManager",
        }
    }
    with dg.instance_for_test(overrides=overrides) as instance:
        metadata = with_images_served(instance, {"rejected": shown})
    assert str(metadata["rejected"].md_str).endswith("| a_1.png |")


def served(instance: dg.DagsterInstance, digest: str, suffix: str) -> bytes:
    """As `DagsterWebserver.download_captured_logs_endpoint` finds the file."""
    manager: Any = instance.compute_log_manager
    return Path(manager.get_captured_local_path(["images", digest], suffix)).read_bytes()


def test_a_second_time_writes_nothing_new() -> None:
    images = [image(encoded(60, 50), "samples")]
    with dg.instance_for_test() as instance:
        first = text_of(with_images_served(instance, {"preview": images}))
        assert text_of(with_images_served(instance, {"preview": images})) == first
        assert len(list(Path(str(images_folder(instance))).iterdir())) == 1


def test_without_a_folder_that_the_server_reads_the_entry_holds_the_images() -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        assert images_folder(instance) is None
        text = text_of(with_images_served(instance, {"preview": [image(encoded(60, 50), "a")]}))
    assert text.startswith("a\n\n![a](data:image/jpeg;base64,")


def test_no_images_are_no_entry() -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        assert with_images_served(instance, {"count": 1, "preview": []}) == {"count": 1}
    assert with_images_inside({"count": 1}) == {"count": 1}


@pytest.mark.parametrize(
    ("size", "small", "full"),
    [
        ((300, 200), (300, 200), (300, 200)),
        ((960, 400), (SHOWN_WIDTH, 200), (960, 400)),
        ((3200, 500), (SHOWN_WIDTH, 75), (1600, 250)),
    ],
)
def test_images_are_as_wide_as_the_page_shows(
    size: tuple[int, int], small: tuple[int, int], full: tuple[int, int]
) -> None:
    shown = image(encoded(*size), "a", most_bytes=10**9)
    assert (opened(shown.small).size, opened(shown.full).size) == (small, full)


def test_a_large_file_is_reduced() -> None:
    shown = image(encoded(800, 800), "noise", most_bytes=50_000)
    assert len(shown.full) <= 50_000


def test_a_wide_drawing_is_scaled_whole() -> None:
    shown = drawing(SVG, "curves")
    assert shown.full.decode() == SVG
    assert 'viewBox="0 0 900 300" width="480" height="160"' in shown.small.decode()
    assert shown.small.decode().endswith('<rect width="9"/></svg>')


@given(st.lists(st.text(max_size=80), min_size=1, max_size=6))
def test_six_images_with_any_titles_are_shown_at_once(titles: list[str]) -> None:
    images = [ShownImage(title, b"full", title.encode(), "jpg") for title in titles]
    text = served_markdown(images)
    assert text is not None
    assert len(text) < SHOWN_AT_ONCE
    assert len(SERVED.findall(text)) >= len(titles)


def test_too_many_images_are_told() -> None:
    images = [ShownImage("a title", b"full", b"small", "jpg")] * 30
    assert served_markdown(images) is None


def test_an_empty_table_says_so() -> None:
    assert table(["class", "boxes"], []) == dg.MetadataValue.text("none")
    assert table(["class"], [["tree"]]).value == "| class |\n| --- |\n| tree |"


def test_a_name_breaks_no_table() -> None:
    value = table(["file"], [["a|b<img src=x>\nc"], ["[task](http://x)"]]).value
    assert value.splitlines()[2:] == [r"| a\|b&lt;img src=x> c |", "| [task](http://x) |"]
