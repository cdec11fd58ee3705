"""A person in front of a gallery of 5,000 images, which no server serves."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from pipeline.gallery.items import Collection, Item, Mark, Sheet, SheetRow
from pipeline.gallery.page import write_gallery
from pipeline.labels.boxes import Box

pytestmark = pytest.mark.browser

CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser") if (path := shutil.which(name))), None
)
IMAGES = 5000
CLASSES = tuple(f"class {number:02d}" for number in range(60))
KINDS = ("found", "missed", "wrong class", "nothing there")
REPORT = Sheet("Rejected", ("image",), (SheetRow(("frame 0007",), {"name": "frame 0007"}),))


@pytest.fixture(scope="module")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("gallery")
    file = folder / "image.jpg"
    cv2.imwrite(str(file), np.full((180, 320, 3), 90, np.uint8))
    rng = np.random.default_rng(1)
    return write_gallery(
        folder / "g",
        Collection(
            "many", CLASSES, tuple(item(rng, file, n) for n in range(IMAGES)), "score", (REPORT,)
        ),
    )


def item(rng: np.random.Generator, file: Path, number: int) -> Item:
    marks = tuple(
        Mark(
            Box(x, y, x + 20, y + 20),
            CLASSES[int(rng.integers(len(CLASSES)))],
            KINDS[int(rng.integers(len(KINDS)))],
            value=float(rng.integers(100)) / 100,
        )
        for x, y in rng.integers(0, 150, (20, 2)).tolist()
    )
    split = "val" if number % 5 == 0 else "train"
    return Item(file, f"frame {number:04d}", 320, 180, "real", marks, split)


@pytest.fixture
def page(page_file: Path) -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    if CHROMIUM is None:
        pytest.skip("Chromium is not installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        view = browser.new_page(viewport={"width": 1400, "height": 900})
        problems: list[str] = []
        view.on("pageerror", lambda error: problems.append(str(error)))
        view.goto(page_file.as_uri())
        yield view
        assert not problems
        browser.close()


def shown(page: Any) -> str:
    text: str = page.locator("#count").inner_text()
    return text


def test_it_opens_from_the_disk_and_keeps_few_tiles(page: Any) -> None:
    assert shown(page) == f"{IMAGES} of {IMAGES} images, {20 * IMAGES} boxes"
    assert 10 < page.locator(".tile").count() < 100
    page.locator("#scroller").evaluate("it => it.scrollTop = it.scrollHeight")
    page.get_by_alt_text("frame 4999").wait_for()
    assert page.locator(".tile").count() < 100


def test_filters_combine_and_the_address_keeps_them(page: Any) -> None:
    page.get_by_role("checkbox", name="val 1000").check()
    assert shown(page).startswith(f"1000 of {IMAGES} images")
    page.get_by_role("checkbox", name="class 07").check()
    page.get_by_role("checkbox", name="missed").check()
    few = int(shown(page).split()[0])
    assert 0 < few < 300, "images with a missed object of that class, and only those"
    page.reload()
    assert int(shown(page).split()[0]) == few
    page.get_by_role("button", name="Show everything").click()
    assert shown(page).startswith(f"{IMAGES} of")


def test_a_filter_asks_nobody(page: Any) -> None:
    """What is shown follows from what the page has: only images are fetched for it."""
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.resource_type))
    page.get_by_role("checkbox", name="class 03").check()
    page.get_by_role("checkbox", name="missed").check()
    page.locator(".tile").first.wait_for()
    assert 0 < int(shown(page).split()[0]) < IMAGES
    assert set(asked) <= {"image"}


def test_the_viewer_steps_through_what_is_shown(page: Any) -> None:
    page.get_by_label("Name").fill("frame 012")
    page.locator(".tile").first.click()
    viewer = page.locator("#viewer")
    assert viewer.locator("#viewed").inner_text() == "frame 0120"
    assert viewer.locator("rect").count() == 20
    assert viewer.locator("#list li").count() == 20
    page.keyboard.press("ArrowRight")
    assert viewer.locator("#viewed").inner_text() == "frame 0121"
    page.keyboard.press("Escape")
    assert not viewer.is_visible()


def test_numbers_tell_what_a_choice_would_show(page: Any) -> None:
    page.get_by_role("checkbox", name="val 1000").check()
    assert page.get_by_role("checkbox", name="train 4000").is_visible(), "its own group is free"
    of_class = int(page.locator("#classes .number").nth(3).inner_text())
    page.get_by_role("checkbox", name="class 03").check()
    assert shown(page).endswith(f", {of_class} boxes")


def test_boxes_can_be_found_by_size_and_score(page: Any) -> None:
    page.get_by_label("from percent").fill("90")
    boxes = int(shown(page).split()[-2])
    assert boxes == pytest.approx(20 * IMAGES * 0.1, rel=0.1)
    page.get_by_label("largest side").fill("19")
    assert shown(page).startswith("0 of"), "every box is 20 pixels wide"
    page.reload()
    assert shown(page).startswith("0 of")


def test_the_keyboard_suffices(page: Any) -> None:
    page.locator("#scroller").focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    viewed = page.locator("#viewed")
    assert viewed.inner_text() == "frame 0000"
    page.keyboard.press("End")
    assert viewed.inner_text() == "frame 4999"
    page.keyboard.press("Escape")
    page.locator(".tile:focus").get_by_alt_text("frame 4999").wait_for()


def test_a_box_under_the_mouse_is_found_in_the_list(page: Any) -> None:
    page.locator(".tile").first.click()
    page.locator("#stage rect").last.hover()
    assert page.locator("#list li.near").count() == 1
    wide = page.locator(".frame").bounding_box()["width"]
    page.mouse.wheel(0, -400)
    page.wait_for_function("document.querySelector('.frame').style.transform !== ''")
    assert page.locator(".frame").bounding_box()["width"] > 2 * wide


def test_a_single_error_is_one_error(page: Any, tmp_path: Path) -> None:
    file = tmp_path / "image.jpg"
    cv2.imwrite(str(file), np.full((180, 320, 3), 90, np.uint8))
    missed, found = (Mark(Box(9, 9, 40, 40), CLASSES[0], kind) for kind in ("missed", "found"))
    items = tuple(
        Item(file, f"frame {number}", 320, 180, "real", marks, "val")
        for number, marks in enumerate([(found,), (missed,), (missed, missed)])
    )
    page.goto(write_gallery(tmp_path / "g", Collection("few", CLASSES, items, "score")).as_uri())
    captions = page.locator("figcaption").all_text_contents()
    assert captions == ["frame 0", "frame 1 · 1 error", "frame 2 · 2 errors"]


@pytest.mark.parametrize(
    ("kind", "is_dashed", "has_errors"),
    [
        *[("prelabel", False, False), ("kept", False, False), ("deleted", False, False)],
        *[("rejected", True, False), ("missed", False, True)],
    ],
)
def test_what_a_person_should_look_at_is_dashed_and_only_errors_are_ordered_by(
    page: Any, tmp_path: Path, kind: str, is_dashed: bool, has_errors: bool
) -> None:
    file = tmp_path / "image.jpg"
    cv2.imwrite(str(file), np.full((180, 320, 3), 90, np.uint8))
    items = (Item(file, "frame", 320, 180, "real", (Mark(Box(9, 9, 40, 40), CLASSES[0], kind),)),)
    page.goto(write_gallery(tmp_path / "g", Collection("one", CLASSES, items)).as_uri())
    assert page.locator("rect.flagged").count() == is_dashed
    assert page.locator("#order [value=errors][hidden]").count() != has_errors


def test_a_row_of_a_report_leads_to_its_image(page: Any) -> None:
    page.get_by_role("button", name="Rejected").click()
    assert page.locator("#report").is_visible()
    page.locator("#told a").click()
    assert not page.locator("#report").is_visible()
    assert page.locator("#count").text_content().startswith("1 of 5000 images")
    assert page.locator("#name").input_value() == "frame 0007"
