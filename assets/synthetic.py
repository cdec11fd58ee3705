"""Synthetic scenes: pictures drawn from sprites and backgrounds, with exact labels."""

import json
import os
from pathlib import Path
from typing import Any

import dagster as dg
from pydantic import Field

from assets.keys import GameKeys
from assets.making import Making, Metadata, latest, make
from assets.views import curve, picture, table
from pipeline.games.pack import GamePack, SceneRules
from pipeline.provenance import code_version_of
from pipeline.scenes.preview import sample_sheet, size_plot_svg
from pipeline.scenes.write import Sources, write_set
from resources.artifacts import Artifacts

GROUP = "scenes"
SCENE_CODE = (
    "pipeline.scenes",
    "pipeline.sprites.library",
    "pipeline.sprites.recolour",
    "pipeline.backgrounds.pictures",
    "pipeline.backgrounds.shores",
    "pipeline.labels.boxes",
    "pipeline.labels.yolo",
)
MEGAPIXELS_WORTH_WORKERS = 200.0
"""A process takes a second or two to start, in which another draws some 50 megapixels."""


def synthetic_assets(pack: GamePack) -> list[dg.AssetsDefinition]:
    """The synthetic set of a game."""
    return [_synthetic_set(pack)]


def _synthetic_set(pack: GamePack) -> dg.AssetsDefinition:
    keys = GameKeys.of(pack)
    code = code_version_of(*SCENE_CODE)

    class SyntheticConfig(dg.Config):
        """What may be changed for one set; everything else stands in the pack's scenes.yaml."""

        images: int = Field(pack.scenes.images, ge=1, description="Pictures to draw.")
        seed: int = Field(pack.scenes.seed, ge=0, description="Another seed, other pictures.")
        water_fraction: float = Field(
            pack.scenes.water_fraction, ge=0, le=1, description="Scenes on water."
        )

    @dg.asset(
        key=keys.synthetic_set,
        deps=list(keys.scene_sources),
        group_name=GROUP,
        kinds={"python", "yolo"},
        code_version=code,
        description="Scenes composed from sprites and backgrounds, with YOLO labels and a record "
        "of every object: boxes, what is visible of it and what covers it.",
    )
    def synthetic_set(
        context: dg.AssetExecutionContext, config: SyntheticConfig, artifacts: Artifacts
    ) -> dg.MaterializeResult[Any]:
        store = artifacts.store
        rules = pack.scenes.model_copy(update=config.model_dump())
        chosen = pack.model_copy(update={"scenes": rules})
        inputs = tuple(latest(context.instance, store, key) for key in keys.scene_sources)
        recipe = {
            "scenes": rules.model_dump(mode="json"),
            "classes": [known.model_dump(mode="json") for known in pack.classes],
        }
        making = Making(context, store, keys.synthetic_set, code, recipe, inputs)
        sources = Sources(*(item.path for item in inputs))

        def write(folder: Path) -> None:
            write_set(folder, chosen, sources, _workers(rules), making.report)

        result = make(making, write, lambda folder: show_set(folder, chosen))
        return _with_speed(result, rules.images)

    return synthetic_set


def _workers(rules: SceneRules) -> int:
    """One process per core, unless starting them would take longer than they save."""
    megapixels = rules.images * rules.width * rules.height / 1e6
    return os.cpu_count() or 1 if megapixels > MEGAPIXELS_WORTH_WORKERS else 1


def _with_speed(result: dg.MaterializeResult[Any], images: int) -> dg.MaterializeResult[Any]:
    metadata = dict(result.metadata or {})
    speed = images / max(float(str(metadata["made_in_seconds"])), 1e-3)
    return result._replace(metadata={**metadata, "images_per_second": round(speed, 1)})


def show_set(folder: Path, pack: GamePack) -> Metadata:
    """Samples with their boxes, counts, sizes, and what was dropped and why."""
    summary = json.loads((folder / "set.json").read_text("utf-8"))
    dropped, names, policy = summary["dropped"], pack.class_names, pack.scenes.labels
    rows = [
        [name, count, sum(dropped.get(name, {}).values()), _reasons(dropped.get(name, {}))]
        for name, count in summary["counts"].items()
    ]
    return {
        "images": summary["images"],
        "samples": picture(sample_sheet(folder, names, policy), "annotated samples"),
        "sizes": curve(size_plot_svg(folder, names, policy), "box sizes"),
        "per_class": table(["class", "labels", "dropped", "why"], rows),
        "land_scenes": summary["scenes"].get("land", 0),
        "water_scenes": summary["scenes"].get("water", 0),
        "shore_scenes": summary["scenes"].get("shore", 0),
    }


def _reasons(dropped: dict[str, int]) -> str:
    return ", ".join(f"{reason} {count}" for reason, count in sorted(dropped.items()))
