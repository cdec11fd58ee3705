"""How fast scenes are drawn, beside plain Pillow and beside the JPEG encoder alone.

Everything is measured in one run: 1280 x 720 pixels with 80 sprites of 0.27 megapixels together,
shadows, player colours, overlays, labels, JPEG and disk. The ways of drawing take turns over the
same 15 images, of which ours are one shard. A figure is the median over the turns by the clock;
one that ends with `_cpu` is the least processor time, which other programs on the machine disturb
less. As in a game of 60 classes, few of the sprites are large, and there are too many to keep them
at every size: 4,192. Grain makes the JPEGs as large as those of real screenshots.

Then whole sets of 3,000 images are written, by two processes and by one, each ordered from a
fresh process. What all of them spend on loading their code and their sprites counts: it is a part
of every set. They find compiled Python modules, as in any installation, even where the environment
forbids to write those beside the sources. In processor time the speedup is that of one process over
half of what two take together.

All of it takes three minutes at most. Where the machine is too busy for that the sets are smaller,
which weighs the start of the processes heavier: `set_images` says how many images they had. A set
of 640 x 640 pixels and a second turn of the others, of which then the faster counts, come last, if
there is time; what is left out is told on the error output.

Run with `python tests/bench/scenes.py`.
"""

import json
import multiprocessing
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import NamedTuple, TypeVar

import cv2
import numpy as np
from PIL import Image, ImageDraw

from pipeline.games.pack import GamePack
from pipeline.scenes.dataset.layout import Shard
from pipeline.scenes.dataset.shard_writer import ShardWriter, Sources, open_shard_writer
from pipeline.scenes.dataset.writer import write_set
from pipeline.scenes.plan import Placement, ScenePlan
from pipeline.scenes.planning.planner import plan
from pipeline.scenes.rendering.measuring import export, label
from pipeline.scenes.rendering.renderer import draw
from pipeline.sprites.library import LibraryWriter, Sprite
from pipeline.sprites.recolour import recolour

Result = TypeVar("Result")

ROOT = Path(__file__).parents[2]
WIDTH, HEIGHT, SMALL = 1280, 720, 640
IMAGES_PER_BACKGROUND = 15
"""As in the packs of real games: 3,000 images on 200 backgrounds."""
TURNS, IMAGES = 8, IMAGES_PER_BACKGROUND
PILLOW_TURNS = 3
"""Drawing with plain Pillow takes ten times as long as all the rest."""
SET_IMAGES, FEWEST_SET_IMAGES = 3000, 300
"""A set has as many as the pack of a large game asks for."""
MOST_SECONDS = 165.0
TURNS_SECONDS, FEWEST_TURNS = 40.0, 2
"""The turns end after that time, but not before there are so many."""
STARTING_IMAGES = 400
"""To start, and to read all sprites, takes a process as long as it takes to draw so many."""
SLOWER_IN_A_SET = 1.5
"""How much longer an image of a set is taken to need, when the size of the sets is chosen."""
GRAIN = 200
"""Strength of the ground's grain, at which an image's JPEG has some 400 KB: the median of 60
screenshots of a game at this size and quality."""


@dataclass(frozen=True)
class Kind:
    """Classes of one kind: their number, sprites each, and the sides of those in pixels."""

    classes: int
    sprites: int
    sides: tuple[int, int]
    count: int
    owned: bool


KINDS = {
    "building": Kind(classes=20, sprites=40, sides=(110, 330), count=8, owned=True),
    "nature": Kind(classes=8, sprites=40, sides=(40, 150), count=20, owned=False),
    "unit": Kind(classes=32, sprites=96, sides=(28, 110), count=52, owned=True),
}


def measure() -> dict[str, float]:
    """Figures by name; milliseconds are per image on one core."""
    ends = time.monotonic() + MOST_SECONDS
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sources = build_sources(folder)
        keep_bytecode(folder / "bytecode")
        figures = in_fresh_process(turns, folder, sources)
        # The sets come last: what they leave in the system's memory makes writing files slow.
        return {**figures, **whole_sets(folder, sources, figures["whole_ms"], ends)}


def in_fresh_process(function: Callable[..., Result], *arguments: object) -> Result:
    """What a function gives in a process that has loaded and drawn nothing yet."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as fresh:
        return fresh.submit(function, *arguments).result()


def turns(folder: Path, sources: Sources) -> dict[str, float]:
    """The ways of drawing the same images, and the parts of ours."""
    shard_writer = open_shard_writer(build_pack(), sources)
    scenes = [plan(index, shard_writer.rule_table) for index in range(IMAGES)]
    actions = ways(shard_writer, scenes, folder / "turns")
    taken: dict[str, list[Taken]] = {way: [] for way in actions}
    ends = time.monotonic() + TURNS_SECONDS
    for turn in range(TURNS + 1):
        if turn > FEWEST_TURNS and time.monotonic() > ends:
            tell_left_out(f"{TURNS + 1 - turn} of {TURNS} turns")
            break
        for way, action in actions.items():
            if way == "pillow" and turn > PILLOW_TURNS:
                continue
            remove_files(folder / "turns")
            took = time_of(action)
            if turn > 0:  # The first one reads sprites and touches memory.
                taken[way].append(took)
    ms = {way: per_image(took.seconds for took in times) for way, times in taken.items()}
    cpu_ms = {
        way: per_image((took.processor for took in times), min) for way, times in taken.items()
    }
    actions["whole"]()
    return {
        **{f"{way}_ms": took for way, took in ms.items()},
        **{f"{way}_cpu_ms": took for way, took in cpu_ms.items()},
        "sprites_per_image": statistics.mean(len(scene.placements) for scene in scenes),
        "sprite_megapixels": statistics.mean(map(megapixels, scenes)),
        "jpeg_kilobytes": statistics.mean(sizes(folder / "turns" / "images")) / 1024,
        "images_per_second_per_core": 1000 / ms["whole"],
        "speedup_over_pillow": ms["pillow"] / ms["whole"],
        "ratio_to_jpeg_encode": ms["whole"] / ms["encode"],
        "images_per_second_per_core_cpu": 1000 / cpu_ms["whole"],
        "speedup_over_pillow_cpu": cpu_ms["pillow"] / cpu_ms["whole"],
        "ratio_to_jpeg_encode_cpu": cpu_ms["whole"] / cpu_ms["encode"],
    }


def ways(
    shard_writer: ShardWriter, scenes: Sequence[ScenePlan], out: Path
) -> dict[str, Callable[[], object]]:
    """What is timed: the whole of all images, its parts, and what it is compared with."""
    drawings = [draw(scene, shard_writer.sprites, shard_writer.backgrounds) for scene in scenes]
    images = [cv2.cvtColor(drawing.bgrx, cv2.COLOR_BGRA2BGR) for drawing in drawings]
    quality = [cv2.IMWRITE_JPEG_QUALITY, shard_writer.rules.jpeg_quality]
    pillow = PillowCompositor(shard_writer)

    def encode() -> None:
        for image in images:
            cv2.imencode(".jpg", image, quality)

    def plan_all() -> None:
        for scene in scenes:
            plan(scene.index, shard_writer.rule_table)

    def draw_all() -> None:
        for scene in scenes:
            draw(scene, shard_writer.sprites, shard_writer.backgrounds)

    def label_all() -> None:
        for scene, drawing in zip(scenes, drawings, strict=True):
            export(label(scene, drawing), shard_writer.rules.labels, shard_writer.class_names)

    def draw_with_pillow() -> None:
        for scene in scenes:
            pillow.write(scene, out / f"{scene.index}.jpg")

    return {
        "whole": lambda: shard_writer.write(Shard(0, len(scenes)), out),
        "encode": encode,
        "plan": plan_all,
        "draw": draw_all,
        "label": label_all,
        "pillow": draw_with_pillow,
    }


def remove_files(folder: Path) -> None:
    """Sets are written into new files; writing over old ones takes up to 2 ms longer on ext4."""
    for file in folder.rglob("*.*"):
        file.unlink()


class Taken(NamedTuple):
    """By the clock, and by the processor alone."""

    seconds: float
    processor: float


class SetTaken(NamedTuple):
    """As `Taken`, and the most memory that a worker held at once, in MB; 0 without workers."""

    seconds: float
    processor: float
    peak_mb: float


def time_of(action: Callable[[], object]) -> Taken:
    began, used = time.perf_counter(), time.process_time()
    action()
    return Taken(time.perf_counter() - began, time.process_time() - used)


def per_image(
    seconds: Iterable[float], choose: Callable[[Iterable[float]], float] = statistics.median
) -> float:
    """Milliseconds of one image, from the turn over all that is chosen."""
    return 1000 * choose(seconds) / IMAGES


def whole_sets(folder: Path, sources: Sources, image_ms: float, ends: float) -> dict[str, float]:
    """Whole sets on disk, from the start of the processes to the last check.

    Args:
        image_ms: that an image took before.
        ends: when to stop, on the monotonic clock.
    """
    images = affordable(image_ms, ends - time.monotonic())
    began = time.monotonic()
    taken = [both_sets(folder, sources, images)]
    turn_seconds = time.monotonic() - began
    figures = {}
    if time.monotonic() + turn_seconds / 3 < ends:
        small = time_of_set(folder, build_pack(SMALL, SMALL), sources, 2)
        figures["seconds_for_3000_at_640_two_processes"] = small.seconds
        figures["cpu_seconds_for_3000_at_640"] = small.processor
    else:
        tell_left_out(f"a set of {SMALL} x {SMALL} pixels")
    if time.monotonic() + turn_seconds < ends:
        taken.append(both_sets(folder, sources, images))
    else:
        tell_left_out("a second turn of the sets")
    two, one = (min(times) for times in zip(*taken, strict=True))
    set_ms = 1000 * one.seconds / images
    return figures | {
        "set_images": images,
        "set_seconds_one_process": one.seconds,
        "set_seconds_two_processes": two.seconds,
        "set_cpu_seconds_one_process": one.processor,
        "set_cpu_seconds_two_processes": two.processor,
        "two_process_speedup": one.seconds / two.seconds,
        "two_process_speedup_cpu": one.processor / (two.processor / 2),
        "set_ms_per_image": set_ms,
        "set_ratio_to_image": set_ms / image_ms,
        "peak_mb": two.peak_mb,
    }


def affordable(image_ms: float, seconds: float) -> int:
    """How many images sets may have that two processes and then one write in that time."""
    for_each = 1.7 * SLOWER_IN_A_SET * image_ms / 1000
    images = (int(seconds / for_each) - STARTING_IMAGES) // 100 * 100
    if images < SET_IMAGES:
        tell_left_out(f"sets of {SET_IMAGES} images; they have fewer")
    return min(max(images, FEWEST_SET_IMAGES), SET_IMAGES)


def both_sets(folder: Path, sources: Sources, images: int) -> tuple[SetTaken, SetTaken]:
    """A set by two processes, and one by one."""
    pack = build_pack(images=images)
    return time_of_set(folder, pack, sources, 2), time_of_set(folder, pack, sources, 1)


def tell_left_out(what: str) -> None:
    print(f"Left out, because this machine is too busy for it: {what}.", file=sys.stderr)


def keep_bytecode(folder: Path) -> None:
    """Let processes that start from now on find their modules compiled."""
    os.environ["PYTHONPYCACHEPREFIX"] = str(folder)
    writing = {**os.environ, "PYTHONDONTWRITEBYTECODE": ""}
    loops = "from pipeline.scenes.pixels.kernels import measure; import numpy as np"
    first_call = (
        "measure(*(np.zeros(s, t) for s, t in (((8, 8), 'H'), ((1, 1, 4), 'B'), ((1, 5), 'q'))))"
    )
    program = f"import pipeline.scenes.dataset.writer; {loops}; {first_call}"
    subprocess.run([sys.executable, "-c", program], env=writing, cwd=ROOT, check=True)


class PillowCompositor:
    """The usual way: for each sprite a transparent layer of the image's size.

    It draws the same plan with shadows, player colours, ellipses, bars and panels, and writes the
    image. What is visible of each sprite it does not know.
    """

    def __init__(self, shard_writer: ShardWriter) -> None:
        self._studio = shard_writer
        self._library = {sprite.id: sprite for sprite in build_sprites()}
        self._sprites: dict[tuple[str, int | None], Image.Image] = {}
        self._shadows: dict[str, Image.Image] = {}

    def write(self, scene: ScenePlan, file: Path) -> None:
        ground = Image.fromarray(self._studio.backgrounds[scene.background_id])
        left, top = scene.crop
        canvas = ground.crop((left, top, left + scene.width, top + scene.height)).convert("RGBA")
        for item in scene.placements:
            canvas = Image.alpha_composite(canvas, self._layer(item, canvas.size))
        pen = ImageDraw.Draw(canvas)
        for item in scene.placements:
            if item.health is not None:
                box = (item.left, item.top - 4, item.left + item.width, item.top - 2)
                pen.rectangle(box, (40, 200, 40))
        for panel in scene.panels:
            right, bottom = panel.left + panel.width, panel.top + panel.height
            pen.rectangle((panel.left, panel.top, right, bottom), (60, 52, 46))
        encoded = BytesIO()
        canvas.convert("RGB").save(encoded, "JPEG", quality=self._studio.rules.jpeg_quality)
        file.write_bytes(encoded.getvalue())

    def _layer(self, item: Placement, size: tuple[int, int]) -> Image.Image:
        layer = Image.new("RGBA", size)
        sprite = self._library[item.sprite_id]
        if item.selected:
            x, y = item.ground
            box = (
                x - item.width // 2,
                y - item.width // 4,
                x + item.width // 2,
                y + item.width // 4,
            )
            ImageDraw.Draw(layer).ellipse(box, outline=(245, 245, 245))
        if sprite.shadow is not None:
            mask = self._shadow(sprite)
            sides = tuple(max(1, round(side * item.scale)) for side in mask.size)
            x, y = (round(offset * item.scale) for offset in sprite.shadow_offset)
            layer.paste((0, 0, 0), (item.left + x, item.top + y), mask.resize(sides))
        image = self._image(sprite, item.player).resize((item.width, item.height))
        layer.paste(image, (item.left, item.top), image)
        return layer

    def _image(self, sprite: Sprite, player: int | None) -> Image.Image:
        key = sprite.id, player
        if key not in self._sprites:
            rgba = sprite.rgba
            if player is not None and sprite.player_weight is not None:
                rgba = recolour(rgba, sprite.player_weight, self._studio.team_colours[player])
            self._sprites[key] = Image.fromarray(rgba)
        return self._sprites[key]

    def _shadow(self, sprite: Sprite) -> Image.Image:
        if sprite.id not in self._shadows:
            self._shadows[sprite.id] = Image.fromarray(sprite.shadow)
        return self._shadows[sprite.id]


def time_of_set(folder: Path, pack: GamePack, sources: Sources, workers: int) -> SetTaken:
    """The time of a whole set, ordered from a process that has drawn nothing yet."""
    out = folder / "set"
    took = in_fresh_process(time_here, out, pack, sources, workers)
    shutil.rmtree(out)
    return took


def time_here(out: Path, pack: GamePack, sources: Sources, workers: int) -> SetTaken:
    """The time of a whole set; processor time of all processes together.

    Only processes that are small start others here, because what a process holds when it starts
    another counts towards the peak of that one.
    """
    before = processor_of_children()
    took = time_of(lambda: write_set(out, pack, sources, workers))
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return SetTaken(
        took.seconds,
        took.processor + processor_of_children() - before,
        peak / (1 << 20 if sys.platform == "darwin" else 1 << 10),
    )


def processor_of_children() -> float:
    """Seconds of those that ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def megapixels(scene: ScenePlan) -> float:
    return sum(item.width * item.height for item in scene.placements) / 1e6


def sizes(folder: Path) -> Iterator[int]:
    return (file.stat().st_size for file in folder.rglob("*.jpg"))


def build_pack(width: int = WIDTH, height: int = HEIGHT, images: int = SET_IMAGES) -> GamePack:
    names = {f"{kind}{n}": KINDS[kind] for kind in KINDS for n in range(KINDS[kind].classes)}
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
                "width": width,
                "height": height,
                "images": images,
                "zoom": (0.52, 0.64),
                "placements": [
                    {
                        "class_name": name,
                        "count": (kind.count // kind.classes, kind.count // kind.classes + 1),
                        "oversample": kind.count
                        / (kind.count // kind.classes + 0.5)
                        / kind.classes,
                        "scale": (0.9, 1.1),
                        "margin": -10,
                    }
                    for name, kind in names.items()
                ],
            },
        }
    )


def build_sources(folder: Path) -> Sources:
    writer = LibraryWriter(folder / "sprites")
    for sprite in build_sprites():
        writer.add(sprite)
    writer.finish()
    backgrounds = SET_IMAGES // IMAGES_PER_BACKGROUND
    rng = np.random.default_rng(1)
    grounds = [encoded_ground(rng) for _ in range(8)]
    for kind in ("land", "water"):
        (folder / kind).mkdir()
        entries = []
        for number in range(backgrounds):
            identity = f"{kind}_{number:04d}"
            (folder / kind / f"{identity}.jpg").write_bytes(grounds[number % len(grounds)])
            file = f"{identity}.jpg"
            entries.append(
                {"id": identity, "kind": kind, "file": file, "sources": ["noise"], "seed": 1}
            )
        (folder / kind / "index.json").write_text(json.dumps(entries))
    return Sources(folder / "sprites", folder / "land", folder / "water")


def encoded_ground(rng: np.random.Generator) -> bytes:
    """Ground with grain at two scales, as the JPEG that a background is."""
    coarse = cv2.resize(rng.integers(60, 150, (45, 80, 3), dtype=np.uint8), (WIDTH, HEIGHT))
    fine = rng.integers(0, GRAIN, (HEIGHT, WIDTH, 1), dtype=np.uint8).repeat(3, axis=2)
    ground = cv2.GaussianBlur(cv2.add(coarse, fine), (0, 0), 0.8)
    return bytes(cv2.imencode(".jpg", ground, [cv2.IMWRITE_JPEG_QUALITY, 95])[1])


def build_sprites() -> Iterator[Sprite]:
    """Ragged ovals, three fifths of their rectangle opaque, with grain and a shadow."""
    rng = np.random.default_rng(0)
    texture = cv2.GaussianBlur(rng.integers(0, 256, (1024, 1024, 3), dtype=np.uint8), (0, 0), 0.9)
    for name, kind in KINDS.items():
        for class_number in range(kind.classes):
            for number in range(kind.sprites):
                width, height = rng.integers(*kind.sides, 2).tolist()
                y, x = rng.integers(0, 1024 - max(width, height), 2).tolist()
                grain = texture[y : y + height, x : x + width]
                yield build_sprite(f"{name}{class_number}", number, grain, kind.owned)


def build_sprite(class_name: str, number: int, grain: np.ndarray, owned: bool) -> Sprite:
    height, width = grain.shape[:2]
    y, x = np.mgrid[:height, :width].astype(np.float32)
    away = (2 * x / width - 1) ** 2 + (2 * y / height - 1) ** 2 + (grain[..., 0] / 255 - 0.5)
    alpha = np.where(away <= 0.8, 255, 0).astype(np.uint8)
    weight = np.where(np.abs(y / height - 0.4) < 0.15, alpha, 0).astype(np.uint8)
    return Sprite(
        id=f"{class_name}/{number:03d}",
        class_name=class_name,
        source=f"{class_name}.sld",
        source_sha256="0" * 64,
        frame=0,
        heading=0,
        step=0,
        hotspot=(width // 2, height - 3),
        rgba=np.dstack([grain, alpha]),
        player_weight=weight if owned else None,
        shadow=cv2.resize(alpha, (width, height * 2 // 3)) // 2,
        shadow_offset=(width // 5, height // 3),
    )


if __name__ == "__main__":
    print(json.dumps(measure(), indent=2))
