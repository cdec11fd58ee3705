"""A person in front of the Dagster UI: *Materialize all*, and everything turns green."""

import json
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]

ROOT = Path(__file__).parents[2]
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
START_SENSOR = """
mutation { startSensor(sensorSelector: { repositoryLocationName: "outpost",
    repositoryName: "__repository__", sensorName: "demo_export_sensor" }) { __typename } }
"""
CHECKS = """
{ assetNodes { assetKey { path } assetChecksOrError { ... on AssetChecks { checks { name
    executionForLatestMaterialization { status } } } } } }
"""


class Server:
    """`outpost dev`, as a user starts it."""

    def __init__(self, outpost: Any) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.home: Path = outpost.home
        self.log = outpost.home.parent / "dev.log"
        self.process = subprocess.Popen(
            [sys.executable, "-m", "assets.cli", "dev", "--port", str(self.port)],
            env=outpost.environment,
            cwd=ROOT,
            stdout=self.log.open("w"),
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def wait_until_up(self) -> None:
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            try:
                if self.query("{ assetNodes { assetKey { path } } }")["assetNodes"]:
                    return
            except OSError:
                assert self.process.poll() is None, self.log.read_text()
            time.sleep(1)
        raise TimeoutError(self.log.read_text())

    def query(self, query: str) -> dict[str, Any]:
        request = urllib.request.Request(
            f"{self.address}/graphql",
            data=json.dumps({"query": query}).encode(),
            headers={"content-type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30) as reply:
            data: dict[str, Any] = json.load(reply)["data"]
        return data

    def stop(self) -> None:
        """Ctrl-C, as a user stops it: it ends by itself and nothing of it is left."""
        self.process.send_signal(signal.SIGINT)
        self.process.wait(90)
        assert not _listens(self.port)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture(scope="module")
def server(new_outpost: Callable[[str], Any]) -> Iterator[Server]:
    running = Server(new_outpost("browser"))
    try:
        running.wait_until_up()
        yield running
    finally:
        running.stop()


@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
def test_materialize_all_turns_every_asset_green(server: Server) -> None:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=BROWSER_FLAGS)
        page = browser.new_page(viewport={"width": 1600, "height": 1000})
        page.goto(f"{server.address}/asset-groups", wait_until="domcontentloaded")
        button = page.get_by_role("button", name="Materialize all")
        button.wait_for(timeout=60_000)
        button.click()
        page.get_by_text("All", exact=True).click()
        page.get_by_role("button", name="Launch backfill").click()
        _wait_for_every_asset(server)
        _look_at_pages(server, page)
        browser.close()
    statuses = {
        (node["assetKey"]["path"][-1], check["name"]): (
            check["executionForLatestMaterialization"] or {}
        ).get("status")
        for node in server.query(CHECKS)["assetNodes"]
        for check in node["assetChecksOrError"].get("checks", [])
    }
    blocking = {key: status for key, status in statuses.items() if key[1] != "class_coverage"}
    assert len(blocking) >= 6
    assert set(blocking.values()) == {"SUCCEEDED"}, statuses


def _wait_for_every_asset(server: Server) -> None:
    deadline = time.monotonic() + 700
    while time.monotonic() < deadline:
        data = server.query(ASSETS)
        failed = [r for r in data["runsOrError"]["results"] if r["status"] == "FAILURE"]
        assert not failed, failed
        missing = [
            n["assetKey"]["path"] for n in data["assetNodes"] if not n["assetMaterializations"]
        ]
        if not missing:
            return
        time.sleep(3)
    raise TimeoutError(f"not materialized: {missing}; {server.log.read_text()[-3000:]}")


def _look_at_pages(server: Server, page: Any) -> None:
    """Each asset's page opens its pictures, not only its numbers."""
    shown = {
        "sprites": ("contact_sheet", "contact sheet"),
        "synthetic_set": ("samples", "annotated samples"),
        "trained_weights": ("curves", "losses and mAP by epoch"),
    }
    for asset, (label, title) in shown.items():
        page.goto(f"{server.address}/assets/demo/{asset}", wait_until="domcontentloaded")
        row = page.locator("tr", has=page.get_by_text(label, exact=True)).first
        row.get_by_text("[Show Markdown]").click(timeout=60_000)
        page.locator(f'img[alt="{title}"]').first.wait_for(timeout=60_000)


def test_a_dropped_export_is_read_and_merged_by_the_running_daemon(server: Server) -> None:
    """After the test above: everything is made, and the sensor is turned on."""
    before = _merges(server)
    assert server.query(START_SENSOR)["startSensor"]["__typename"] == "Sensor"
    exports = server.home / "exports" / "demo"
    shutil.copyfile(exports / "session_valley.zip", exports / "dropped.zip.part")
    (exports / "dropped.zip.part").rename(exports / "dropped.zip")
    deadline = time.monotonic() + 400
    while time.monotonic() < deadline and _merges(server) == before:
        time.sleep(3)
    assert _merges(server) == before + 1
    time.sleep(45)
    assert _merges(server) == before + 1, "the next tick asks for nothing"


def _merges(server: Server) -> int:
    """Finished runs that merged."""
    runs = server.query(ASSETS)["runsOrError"]["results"]
    merged = [
        r for r in runs if ["demo", "cvat_merge"] in [k["path"] for k in r["assetSelection"] or []]
    ]
    assert not [run for run in merged if run["status"] == "FAILURE"], server.log.read_text()[-3000:]
    return sum(run["status"] == "SUCCESS" for run in merged)
