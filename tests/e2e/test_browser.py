"""A person in front of the Dagster UI: *Materialize all*, and everything turns green."""

import shutil
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from doubles.outpost_dev import OutpostDev

pytestmark = [pytest.mark.browser, pytest.mark.timeout(1800)]

CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser") if (path := shutil.which(name))), None
)
BROWSER_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
]
ASSETS = """
{ assetNodes { assetKey { path } assetMaterializations(limit: 1) { timestamp } }
  runsOrError { ... on Runs { results { status runId assetSelection { path } } } } }
"""
NOT_YET = {
    *("annotation_batch", "hard_negatives", "prelabels", "cvat_task"),
    *("staged_crops", "icon_classifier", "screen_classifier", "community_model"),
    *("disputed_crops", "dispute_task", "settled_disputes"),
    *("recordings", "policies", "policy_evaluation", "policy_package"),
    *("policy", "league", "ratings", "benchmarks"),
}
"""Assets of batches of frames to label, of which there is none yet, of what players have sent, and
of play that was recorded, which is nothing."""
START_SENSOR = """
mutation { startSensor(sensorSelector: { repositoryLocationName: "outpost",
    repositoryName: "__repository__", sensorName: "demo_export_sensor" }) { __typename } }
"""
SHOWN = {
    "sprites": ["contact sheet"],
    "terrain_backgrounds": ["backgrounds", "textures stretched and isometric"],
    "water_backgrounds": ["backgrounds"],
    "synthetic_set": ["annotated samples", "sizes and positions"],
    "cvat_merge": ["labelled training images"],
    "trained_weights": ["losses and mAP by epoch", "results"],
    "real_evaluation": [],
}
"""Titles of the first images of an asset's page; those of an evaluation are frames."""
CHECKS = """
{ assetNodes { assetKey { path } assetChecksOrError { ... on AssetChecks { checks { name
    executionForLatestMaterialization { status } } } } } }
"""


@pytest.fixture(scope="module")
def server(new_outpost: Callable[[str], Any]) -> Iterator[OutpostDev]:
    outpost = new_outpost("browser")
    running = OutpostDev(outpost.environment, outpost.home.parent / "dev.log")
    try:
        running.wait_until_up()
        yield running
    finally:
        running.stop()


@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
def test_materialize_all_turns_every_asset_green(server: OutpostDev) -> None:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=BROWSER_FLAGS)
        page = browser.new_page(viewport={"width": 1600, "height": 1000})
        page.goto(f"{server.address}/asset-groups", wait_until="domcontentloaded")
        button = page.get_by_role("button", name="Materialize all")
        button.wait_for(timeout=60_000)
        button.click()
        page.get_by_role("button", name="Launch backfill").click()
        _wait_for_every_asset(server)
        _look_at_pages(server, page)
        browser.close()
    statuses = {
        (node["assetKey"]["path"][-1], check["name"]): (
            check["executionForLatestMaterialization"] or {}
        ).get("status")
        for node in server.query(CHECKS)["assetNodes"]
        if node["assetKey"]["path"][-1] not in NOT_YET
        for check in node["assetChecksOrError"].get("checks", [])
    }
    blocking = {key: status for key, status in statuses.items() if key[1] != "class_coverage"}
    assert len(blocking) >= 6
    assert set(blocking.values()) == {"SUCCEEDED"}, statuses


def _wait_for_every_asset(server: OutpostDev) -> None:
    deadline = time.monotonic() + 1200
    while time.monotonic() < deadline:
        data = server.query(ASSETS)
        failed = [r for r in data["runsOrError"]["results"] if r["status"] == "FAILURE"]
        assert not failed, failed
        missing = [
            n["assetKey"]["path"]
            for n in data["assetNodes"]
            if not n["assetMaterializations"] and n["assetKey"]["path"][-1] not in NOT_YET
        ]
        if not missing:
            return
        time.sleep(3)
    raise TimeoutError(f"not materialized: {missing}; {server.log.read_text()[-3000:]}")


def _look_at_pages(server: OutpostDev, page: Any) -> None:
    """Each asset's page shows its images without a click, whole, and in one row."""
    for asset, titles in SHOWN.items():
        page.goto(f"{server.address}/assets/demo/{asset}", wait_until="domcontentloaded")
        row = page.locator("tr", has=page.get_by_text("preview", exact=True)).first
        row.wait_for(timeout=60_000)
        images = row.locator("img")
        images.first.wait_for(timeout=60_000)
        found = [images.nth(n).get_attribute("alt") for n in range(images.count())]
        assert found[: len(titles)] == titles, (asset, found)
        for number in range(images.count()):
            width = images.nth(number).evaluate("image => image.decode().then(() => image.width)")
            assert 0 < width <= 480, (asset, found[number])


def test_a_dropped_export_is_read_and_merged_by_the_running_daemon(server: OutpostDev) -> None:
    """After the test above: everything is made, and the sensor is turned on."""
    before = _merges(server)
    assert server.query(START_SENSOR)["startSensor"]["__typename"] == "Sensor"
    exports = server.log.parent / "state" / "exports" / "demo"
    shutil.copyfile(exports / "session_valley.zip", exports / "dropped.zip.part")
    (exports / "dropped.zip.part").rename(exports / "dropped.zip")
    deadline = time.monotonic() + 1200
    while time.monotonic() < deadline and _merges(server) == before:
        time.sleep(3)
    assert _merges(server) == before + 1
    time.sleep(45)
    assert _merges(server) == before + 1, "the next tick asks for nothing"


def _merges(server: OutpostDev) -> int:
    """Finished runs that merged."""
    runs = server.query(ASSETS)["runsOrError"]["results"]
    merged = [
        r for r in runs if ["demo", "cvat_merge"] in [k["path"] for k in r["assetSelection"] or []]
    ]
    assert not [run for run in merged if run["status"] == "FAILURE"], server.log.read_text()[-3000:]
    return sum(run["status"] == "SUCCESS" for run in merged)
