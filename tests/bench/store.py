"""How fast artifacts reach a bucket and come back, beside boto3's own transfer manager.

Both move the same files to the same SeaweedFS server on this machine, turn by turn: weights of
64 MB, and 640 images of 100 kB. What is timed of ours is all of it: cutting, digests, manifest and
record on the way there; the verified artifact in its place on the way back. boto3 sends every file
as an object of its own, by `upload_file` and `download_file` in ten threads.

Run with `outpost bench store --json`; it needs the test packages (boto3, SeaweedFS's wheel).
"""

import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from unittest.mock import patch

import boto3
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from doubles import seaweed
from doubles.artifacts import recorded

from pipeline.provenance import ArtifactVersion, Recipe
from resources.artifacts import ArtifactStore
from resources.object_store.s3 import S3Store
from resources.remote_artifacts.remote import RemoteArtifacts

WEIGHTS_BYTES, IMAGES, IMAGE_BYTES = 64_000_000, 640, 100_000
ROUNDS = 3
THREADS = 10


class CountedStore(S3Store):
    """Counts the bytes of artifacts that are read."""

    read = 0

    def get_range(self, key: str, first: int, size: int) -> bytes:
        CountedStore.read += size
        return super().get_range(key, first, size)


def measure() -> dict[str, float]:
    """Medians in megabytes a second, their ratios, and what a fresh machine reads."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        return {**speeds(folder / "speeds"), **with_server(folder / "fresh", fresh_machine)}


def with_server(folder: Path, work: Callable[[Path], dict[str, float]]) -> dict[str, float]:
    """A server for each: one of the tests holds half a gigabyte."""
    with seaweed.seaweed(folder / "weed") as server, patch.dict(os.environ, server.environment):
        return work(folder)


def speeds(folder: Path) -> dict[str, float]:
    """Ours and boto3's, for the two artifacts together."""
    rounds = [with_server(folder / str(number), one_round) for number in range(ROUNDS)]
    megabytes = (WEIGHTS_BYTES + IMAGES * IMAGE_BYTES) / 1e6
    medians = {way: statistics.median(took[way] for took in rounds) for way in rounds[0]}
    found = {f"{way}_mb_per_second": megabytes / seconds for way, seconds in medians.items()}
    ours, theirs = (medians[f"{who}_up"] + medians[f"{who}_down"] for who in ("store", "boto3"))
    return found | {
        "upload_ratio": medians["boto3_up"] / medians["store_up"],
        "download_ratio": medians["boto3_down"] / medians["store_down"],
        "throughput_ratio": theirs / ours,
    }


def one_round(folder: Path) -> dict[str, float]:
    """Seconds of each way."""
    client = boto3.client("s3")
    one = ArtifactStore(folder / "one")
    versions = [build(one, name, files) for name, files in artifacts().items()]
    sent = [file for v in versions for file in one.files_of(v).rglob("*") if file.is_file()]
    there = machine(folder / "one")
    back = machine(folder / "two")
    keys = {file: f"plain/{file.relative_to(folder)}" for file in sent}

    def upload() -> None:
        for record in there.builds():
            there.upload(record)

    def upload_plainly() -> None:
        in_threads(lambda file: client.upload_file(str(file), seaweed.BUCKET, keys[file]), sent)

    def download_plainly() -> None:
        in_threads(lambda file: fetch(client, keys[file], folder / "plain" / keys[file]), sent)

    ways: dict[str, Callable[[], object]] = {
        "store_up": upload,
        "boto3_up": upload_plainly,
        "store_down": lambda: [back.open(version) for version in versions],
        "boto3_down": download_plainly,
    }
    return {way: timed(action) for way, action in ways.items()}


def fresh_machine(folder: Path) -> dict[str, float]:
    """A second materialization where there is nothing yet: what is read, and what was asked for."""
    one = machine(folder / "one")
    made = {name: build(one, name, files) for name, files in artifacts().items()}
    CountedStore.read = 0
    two = machine(folder / "two")
    recipe = recipe_of("weights")
    began = time.perf_counter()
    found = two.find_build(recipe.asset, None, recipe.input_key)
    seconds = time.perf_counter() - began
    assert found is not None
    assert found.version == made["weights"]
    return {
        "fresh_asked_bytes": two.listing_of(made["weights"]).total_bytes,
        "fresh_read_bytes": CountedStore.read,
        "fresh_not_asked_bytes": one.listing_of(made["images"]).total_bytes,
        "fresh_seconds": seconds,
    }


def artifacts() -> dict[str, dict[str, bytes]]:
    random = np.random.default_rng(1)
    return {
        "weights": {"best.pt": random.bytes(WEIGHTS_BYTES)},
        "images": {f"images/{n:04}.png": random.bytes(IMAGE_BYTES) for n in range(IMAGES)},
    }


def machine(folder: Path) -> ArtifactStore:
    return ArtifactStore(folder, RemoteArtifacts(CountedStore(seaweed.BUCKET, "artifacts")))


def recipe_of(name: str) -> Recipe:
    return Recipe(asset=f"bench/{name}", code_version="1", config={})


def build(store: ArtifactStore, name: str, files: dict[str, bytes]) -> ArtifactVersion:
    recipe = recipe_of(name)
    with store.staging(recipe.asset) as staged:
        for path, content in files.items():
            (staged / path).parent.mkdir(exist_ok=True)
            (staged / path).write_bytes(content)
        return store.commit(staged, recorded(recipe))[0].version


def fetch(client: Any, key: str, file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    client.download_file(seaweed.BUCKET, key, str(file))


def in_threads(work: Callable[[Path], None], files: Iterable[Path]) -> None:
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(work, files))


def timed(action: Callable[[], object]) -> float:
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


if __name__ == "__main__":
    print(json.dumps(measure(), indent=1))
