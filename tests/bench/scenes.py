"""How fast scenes are drawn, beside plain Pillow and beside the JPEG encoder alone.

Everything is measured in one run, turn by turn, on the same plans: 1280 x 720 pixels with 80
sprites, shadows, overlays, labels, JPEG and disk. Pillow composites one full-canvas layer per
sprite, without shadows, recolouring, overlays or an id buffer, so the comparison favours it.

Run with `python tests/bench/scenes.py`.
"""

import json
import statistics
import tempfile
import time
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from pipeline.games.pack import GamePack
from pipeline.scenes.draw import draw
from pipeline.scenes.label import export, label
from pipeline.scenes.plan import ScenePlan, plan
from pipeline.scenes.write import Shard, Sources, Studio, open_studio, write_set
from pipeline.sprites.library import Sprite, write_library

WIDTH, HEIGHT, CLASSES, PER_CLASS = 1280, 720, 8, 12
BACKGROUNDS = {"land": 20, "water": 6}
ROUNDS = 12
PAIR_IMAGES = 120


def measure() -> dict[str, float]:
    """Figures by name; milliseconds are medians per picture on one core."""
    with tempfile.TemporaryDirectory() as name:
        folder, pack = Path(name), build_pack()
        sources = build_sources(folder)
        studio = open_studio(pack, sources)
        pillow = PillowCompositor(sources, studio)
        studio.write(Shard(0, ROUNDS), folder / "warm")
        times: dict[str, list[float]] = {}
        for index in range(ROUNDS):
            for way, action in ways(index, studio, pillow, folder / "out").items():
                times.setdefault(way, []).append(seconds(action))
        figures = {f"{way}_ms": 1000 * statistics.median(t) for way, t in times.items()}
        one, two = (pair_seconds(workers, folder, sources) for workers in (1, 2))
    return figures | {
        "images_per_second_per_core": 1000 / figures["whole_ms"],
        "speedup_over_pillow": figures["pillow_ms"] / figures["whole_ms"],
        "ratio_to_jpeg_encode": figures["whole_ms"] / figures["encode_ms"],
        "two_process_speedup": one / two,
    }


def ways(
    index: int, studio: Studio, pillow: "PillowCompositor", out: Path
) -> dict[str, Callable[[], object]]:
    """What is timed for one picture: the whole, its parts, and what it is compared with."""
    scene = plan(index, studio.rules, studio.catalogue)
    drawing = draw(scene, studio.sprites, studio.backgrounds)
    bgr = cv2.cvtColor(drawing.image, cv2.COLOR_RGB2BGR)
    quality = [cv2.IMWRITE_JPEG_QUALITY, studio.rules.jpeg_quality]
    return {
        "whole": lambda: studio.write(Shard(index, index + 1), out),
        "encode": lambda: cv2.imencode(".jpg", bgr, quality),
        "plan": lambda: plan(index, studio.rules, studio.catalogue),
        "draw": lambda: draw(scene, studio.sprites, studio.backgrounds),
        "label": lambda: export(label(scene, drawing), studio.rules.labels, studio.class_names),
        "pillow": lambda: pillow.write(scene, out / "pillow.jpg"),
    }


class PillowCompositor:
    """The usual way: for each sprite a transparent layer of the picture's size."""

    def __init__(self, sources: Sources, studio: Studio) -> None:
        self.sprites = {sprite.id: Image.fromarray(sprite.rgba) for sprite in build_sprites()}
        self.backgrounds = {
            shape.id: Image.fromarray(studio.backgrounds[shape.id]).convert("RGBA")
            for shapes in studio.backgrounds.shapes.values()
            for shape in shapes
        }
        self.quality = studio.rules.jpeg_quality

    def write(self, scene: ScenePlan, file: Path) -> None:
        left, top = scene.crop
        box = (left, top, left + scene.width, top + scene.height)
        canvas = self.backgrounds[scene.background_id].crop(box)
        for item in scene.placements:
            layer = Image.new("RGBA", canvas.size)
            sprite = self.sprites[item.sprite_id].resize((item.width, item.height))
            layer.paste(sprite, (item.left, item.top))
            canvas = Image.alpha_composite(canvas, layer)
        encoded = BytesIO()
        canvas.convert("RGB").save(encoded, "JPEG", quality=self.quality)
        file.write_bytes(encoded.getvalue())


def pair_seconds(workers: int, folder: Path, sources: Sources) -> float:
    """Seconds for a whole set, the start of the processes included."""
    pack = build_pack(images=PAIR_IMAGES)
    return seconds(lambda: write_set(folder / f"workers{workers}", pack, sources, workers))


def seconds(action: Callable[[], object]) -> float:
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


def build_pack(images: int = 100) -> GamePack:
    names = [f"class{number}" for number in range(CLASSES)]
    return GamePack.model_validate(
        {
            "name": "bench",
            "title": "Bench",
            "classes": [
                {"id": number, "name": name, "group": "all", "scene": "both"}
                for number, name in enumerate(names)
            ],
            "sprites": {"folder": "sprites", "rules": []},
            "terrain": {"folder": "t", "land": [{"include": "*"}], "water": [{"include": "*"}]},
            "scenes": {
                "width": WIDTH,
                "height": HEIGHT,
                "images": images,
                "zoom": (0.6, 0.75),
                "placements": [
                    {"class_name": name, "count": (10, 10), "scale": (0.9, 1.1)} for name in names
                ],
            },
        }
    )


def build_sources(folder: Path) -> Sources:
    write_library(folder / "sprites", build_sprites())
    rng = np.random.default_rng(1)
    for kind, count in BACKGROUNDS.items():
        (folder / kind).mkdir()
        entries = []
        for number in range(count):
            identity = f"{kind}_{number:04d}"
            cv2.imwrite(str(folder / kind / f"{identity}.jpg"), build_ground(rng))
            file = f"{identity}.jpg"
            entries.append(
                {"id": identity, "kind": kind, "file": file, "sources": ["noise"], "seed": 1}
            )
        (folder / kind / "index.json").write_text(json.dumps(entries))
    return Sources(folder / "sprites", folder / "land", folder / "water")


def build_ground(rng: np.random.Generator) -> np.ndarray:
    """Grain at two scales, softened as terrain is; its JPEG is about as large as a real one's."""
    coarse = cv2.resize(rng.integers(60, 150, (45, 80, 3), dtype=np.uint8), (WIDTH, HEIGHT))
    fine = rng.integers(0, 60, (HEIGHT, WIDTH, 1), dtype=np.uint8).repeat(3, axis=2)
    return cv2.GaussianBlur(cv2.add(coarse, fine), (0, 0), 1.0)


def build_sprites() -> list[Sprite]:
    """Ovals of 40 to 140 pixels with grain, a player's half and a shadow."""
    rng = np.random.default_rng(0)
    return [
        build_sprite(rng, f"class{kind}", number)
        for kind in range(CLASSES)
        for number in range(PER_CLASS)
    ]


def build_sprite(rng: np.random.Generator, class_name: str, number: int) -> Sprite:
    width, height = rng.integers(40, 141, 2).tolist()
    y, x = np.mgrid[:height, :width]
    oval = (2 * x / width - 1) ** 2 + (2 * y / height - 1) ** 2 <= 1
    alpha = np.where(oval, 255, 0).astype(np.uint8)
    grain = rng.integers(60, 200, (height, width, 3), dtype=np.uint8)
    return Sprite(
        id=f"{class_name}/{number}",
        class_name=class_name,
        source=f"{class_name}.sld",
        source_sha256="0" * 64,
        frame=0,
        heading=0,
        step=0,
        hotspot=(width // 2, height - 3),
        rgba=np.dstack([cv2.GaussianBlur(grain, (0, 0), 1.5), alpha]),
        player_weight=np.where(y < height // 2, alpha, 0).astype(np.uint8),
        shadow=alpha // 2,
        shadow_offset=(width // 6, height // 6),
    )


if __name__ == "__main__":
    print(json.dumps(measure(), indent=2))
