"""What the last step of a set costs, which one process does alone, beside drawing the images.

The images are tiny, because joining shards costs the same whatever is on them: files are linked
and their manifests joined. `docs/how-to/scale-out.md` calculates with these figures.

Run with `python tests/bench/sharding.py`.
"""

import json
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from pipeline.games.pack import GamePack
from pipeline.manifests import Manifest
from pipeline.provenance import ArtifactVersion, Provenance, Recipe
from pipeline.scenes.dataset.shard_writer import Sources
from pipeline.scenes.dataset.shards import (
    SetSpec,
    assemble,
    draw_shard,
    read_set_spec,
    write_set_spec,
)
from pipeline.sprites.library import LibraryWriter, Sprite
from resources.artifacts import ArtifactStore
from resources.files import remove_tree

IMAGES, SHARD_IMAGES, SIDE = 4000, 1000, 64


def measure() -> dict[str, float]:
    """Figures by name, per thousand images on one core; each image is three files."""
    with tempfile.TemporaryDirectory() as name:
        folder, pack = Path(name), build_pack()
        sources = build_sources(folder / "sources")
        scratch, store = folder / "scratch", ArtifactStore(folder / "store")
        version = ArtifactVersion(asset="bench/sprites", partition=None, data_version="0" * 64)
        order = SetSpec(
            rules=pack.scenes, sources=(version,), shard_images=SHARD_IMAGES, began_at=0.0
        )
        write_set_spec(scratch, order)
        drawn = seconds(lambda: draw_all(scratch, pack, sources))
        joined, manifest, record = join(scratch, pack, store)
        opened = seconds(lambda: store.open(record.version).manifest)
        removed = seconds(lambda: remove_tree(scratch))
    thousands = IMAGES / 1000
    return {
        "draw_and_hash_s_per_1000": drawn / thousands,
        "join_s_per_1000": joined / thousands,
        "open_s_per_1000": opened / thousands,
        "tidy_up_s_per_1000": removed / thousands,
        "manifest_mb_per_1000": manifest_megabytes(manifest) / thousands,
    }


def draw_all(scratch: Path, pack: GamePack, sources: Sources) -> None:
    for shard in read_set_spec(scratch).shards:
        draw_shard(scratch, shard, pack, sources)


def join(scratch: Path, pack: GamePack, store: ArtifactStore) -> tuple[float, Manifest, Provenance]:
    """Everything that the last step does: link, check, join manifests, settle."""
    recipe = Recipe(asset="bench/set", partition=None, code_version="1", config={}, inputs=())

    def describe(data_version: str) -> Provenance:
        return Provenance(
            recipe=recipe,
            data_version=data_version,
            run_id="bench",
            made_at="2026-01-01T00:00:00+00:00",
            seconds=0.0,
            outpost_version="0",
        )

    began = time.perf_counter()
    with store.staging(recipe.asset) as staged:
        manifest = assemble(scratch, staged, pack)
        _, record = store.commit(staged, describe, manifest)
    return time.perf_counter() - began, manifest, record


def manifest_megabytes(manifest: Manifest) -> float:
    """Memory that a manifest of that size takes once it is read."""
    text = manifest.model_dump_json()
    tracemalloc.start()
    read = Manifest.model_validate_json(text)
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(read.files) == len(manifest.files)
    return held / 1e6


def seconds(action: Callable[[], object]) -> float:
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


def build_pack() -> GamePack:
    return GamePack.model_validate(
        {
            "name": "bench",
            "title": "Bench",
            "classes": [{"id": 0, "name": "house", "group": "all", "scene": "land"}],
            "sprites": {"folder": "s", "rules": []},
            "terrain": {"folder": "t", "land": [{"include": "*"}], "water": [{"include": "*"}]},
            "scenes": {
                "width": SIDE,
                "height": SIDE,
                "images": IMAGES,
                "water_fraction": 0.0,
                "placements": [{"class_name": "house", "count": (1, 2)}],
            },
        }
    )


def build_sources(folder: Path) -> Sources:
    rng = np.random.default_rng(1)
    rgba = rng.integers(40, 220, (16, 16, 4), dtype=np.uint8)
    rgba[..., 3] = 255
    sprite = Sprite(
        id="house/0",
        class_name="house",
        source="house.sld",
        source_sha256="0" * 64,
        frame=0,
        heading=0,
        step=0,
        hotspot=(8, 14),
        rgba=rgba,
        player_weight=None,
        shadow=None,
        shadow_offset=(0, 0),
    )
    writer = LibraryWriter(folder / "sprites")
    writer.add(sprite)
    writer.finish()
    (folder / "land").mkdir()
    cv2.imwrite(str(folder / "land/land_0000.jpg"), np.full((SIDE, SIDE, 3), 90, np.uint8))
    entry = {
        "id": "land_0000",
        "kind": "land",
        "file": "land_0000.jpg",
        "sources": ["g"],
        "seed": 1,
    }
    (folder / "land/index.json").write_text(json.dumps([entry]))
    return Sources(folder / "sprites", folder / "land", folder / "land")


if __name__ == "__main__":
    print(json.dumps(measure(), indent=2))
