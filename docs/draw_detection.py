"""Draws the README's image: what the demo's detector finds on a held-out screenshot.

uv run outpost demo
uv run python docs/draw_detection.py docs/images/detection.jpg
"""

from __future__ import annotations

import sys
from pathlib import Path

from detector_runtime.tools.palette import class_colour
from PIL import Image, ImageDraw, ImageFont

from assets.core.building import latest
from assets.core.keys import GameKeys
from detector_runtime import DetectedEntity, open_detector
from pipeline.evaluation.frames import batch_frames
from pipeline.labels.batches import ExportBatch
from pipeline.release.package import RuntimePackage
from resources.artifacts import Artifacts
from resources.instance import open_instance
from resources.paths import Paths

KEYS = GameKeys("demo")
BATCH = "heldout_session"
FRAMES = (2, 10)
"""Of the held-out session, side by side."""
ZOOM = 2


def main(target: Path) -> None:
    """Detect on two held-out frames and save them side by side."""
    paths = Paths.from_environment()
    with open_instance(paths.state) as instance:
        store = Artifacts(paths=paths).store
        package = RuntimePackage.open(latest(instance, store, KEYS.runtime_package).path)
        export = ExportBatch.open(latest(instance, store, KEYS.cvat_export, BATCH).path)
    frames = batch_frames(export)
    with open_detector(package.bundle) as detector:
        drawn = [draw(frames[i].image, detector.detect_fast(frames[i].image)) for i in FRAMES]
    sheet = Image.new("RGB", (sum(image.width for image in drawn), drawn[0].height))
    for number, image in enumerate(drawn):
        sheet.paste(image, (number * image.width, 0))
    sheet.save(target, quality=88)


def draw(file: Path, entities: list[DetectedEntity]) -> Image.Image:
    """The image enlarged, each entity with its class and confidence."""
    with Image.open(file) as opened:
        image = opened.convert("RGB")
    image = image.resize((image.width * ZOOM, image.height * ZOOM), Image.Resampling.NEAREST)
    pen, font = ImageDraw.Draw(image), ImageFont.load_default(11)
    names = sorted({entity.class_name for entity in entities})
    for entity in entities:
        colour = class_colour(names.index(entity.class_name))
        x1, y1, x2, y2 = (value * ZOOM for value in entity.bbox)
        pen.rectangle((x1, y1, x2, y2), outline=colour, width=2)
        text = f"{entity.class_name} {entity.confidence:.2f}"
        place = (x1 + 1, max(0.0, y1 - 13))
        pen.text(place, text, fill=colour, font=font, stroke_width=1, stroke_fill=(0, 0, 0))
    return image


if __name__ == "__main__":
    main(Path(sys.argv[1]))
