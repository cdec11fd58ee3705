"""Synthetic scenes: images drawn from sprites and backgrounds, with exact labels.

The set is drawn in shards, each a step of its own, so that whatever executor runs the steps spreads
the work: the processes of this machine by default, several machines by configuration.
"""

import math
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

import dagster as dg
from detector_runtime.system.cores import usable_cores
from pydantic import Field, ValidationError

from assets.core.building import AssetBuild, Metadata, build_asset, latest
from assets.core.keys import GameKeys
from assets.core.known_errors import KNOWN_ERRORS
from assets.core.launchpad import LaunchpadError
from assets.core.metadata import drawing, image, table
from assets.graph.annotations import merged_batches
from pipeline.games.pack import GameClass, GamePack
from pipeline.games.sections.scenes import SceneRules
from pipeline.labels.batches import ExportBatch
from pipeline.progress import Report
from pipeline.provenance import ArtifactVersion, Recipe, code_version_behind
from pipeline.scenes.dataset.layout import SceneSetError, Shard
from pipeline.scenes.dataset.shard_writer import Sources
from pipeline.scenes.dataset.shards import (
    SHARDS_FOLDER,
    SetSpec,
    assemble,
    draw_shard,
    images_per_shard,
    missing_shards,
    read_set_spec,
    write_set_spec,
)
from pipeline.scenes.dataset.synthetic_set import SyntheticSet
from pipeline.scenes.dataset.writer import write_set
from pipeline.scenes.reports.box_sizes import SeenBox, real_boxes, synthetic_boxes
from pipeline.scenes.reports.distributions import distribution_svg
from pipeline.scenes.reports.expected_counts import expected_counts
from pipeline.scenes.reports.samples import sample_sheet
from pipeline.scenes.sources.catalogue import catalogue_of, shapes_of
from pipeline.sprites.library import OpenLibrary
from resources.artifacts import Artifact, Artifacts, ArtifactStore
from resources.files import remove_tree
from resources.run_log import reporter

GROUP = "scenes"
SCENE_CODE = ("pipeline.scenes.dataset.writer",)
"""With all that it imports it decides the bytes of a set; a change of that makes sets stale."""
NOT_SCENE_CODE = frozenset(
    {
        "pipeline.games.pack",  # values and classes, which the recipe states
        "pipeline.games.sections.images",  # values of terrain, which make backgrounds
        "pipeline.backgrounds.soften",  # makes backgrounds, which are inputs
        "pipeline.backgrounds.textures",
        "pipeline.formats.png",  # reads a game's images, of which backgrounds are made
        "pipeline.scenes.dataset.reader",  # reads what was written
    }
)
"""What it imports and no byte of a set follows from."""
PLOTTED = 2000
"""Images that the plots of sizes and positions are made of, spread evenly over the set."""
SHARD_RETRIES = dg.RetryPolicy(max_retries=2, delay=5.0)


def scene_code_version() -> str:
    """Of the code that decides the bytes of a synthetic set."""
    return code_version_behind(*SCENE_CODE, without=NOT_SCENE_CODE)


def write_scenes(folder: Path, recipe: Recipe, inputs: Sequence[Artifact], report: Report) -> None:
    """Draw the synthetic set of a record at once, on all cores of this machine.

    Args:
        folder: empty.
        inputs: what the recipe's inputs stand for: sprites, then backgrounds by kind.

    Raises:
        ValidationError: the recipe has settings that this version does not know.
        SceneSetError, BackgroundError, SpriteLibraryError: see `write_set`.
    """
    rules = SceneRules.model_validate(recipe.config["scenes"])
    classes = [GameClass.model_validate(known) for known in recipe.config["classes"]]
    # Drawing reads nothing else of a pack, so that none of this game has to be at hand.
    known: dict[str, Any] = {"name": recipe.asset.partition("/")[0], "scenes": rules}
    pack = GamePack.model_construct(**known, classes=classes)
    worth_a_process = math.ceil(rules.images / images_per_shard(rules))
    sources = Sources(*(item.path for item in inputs))
    write_set(folder, pack, sources, min(usable_cores(), worth_a_process), report)


def synthetic_assets(pack: GamePack) -> list[dg.AssetsDefinition]:
    """The synthetic set of a game."""
    keys = GameKeys.of(pack)
    code = scene_code_version()

    class SyntheticConfig(dg.Config):
        """What may be changed for one set; everything else stands in the pack's scenes.yaml.

        Limits are those of the rules, so that what breaks one is told as it is there.
        """

        images: int = Field(pack.scenes.images, description="Images to draw, at least 1.")
        seed: int = Field(pack.scenes.seed, description="Another seed, other images; 0 or more.")
        water_fraction: float = Field(
            pack.scenes.water_fraction, description="Share of the scenes that lie on water, 0 to 1."
        )
        shore_fraction: float = Field(
            pack.scenes.shore_fraction,
            description="Share of the scenes of land and water with a shore between them, 0 to 1.",
        )
        enhanced: bool = Field(
            pack.scenes.enhanced,
            description="False leaves out, at once, what is not in the game's world: ellipses, "
            "bars, badges, panels, fog, light, varied edges and varied JPEG quality.",
        )
        gated: bool = Field(
            pack.scenes.gated,
            description="False lets every class stand in every scene; with both fractions at 0 "
            "that is the original's mode without water backgrounds. A check then warns.",
        )
        shard_images: int = Field(
            images_per_shard(pack.scenes),
            description="Images that one step draws, at least 1. Decides how the work is spread "
            "and what is repeated after a failure, and nothing about the images.",
        )

    @dg.op(
        name=f"{pack.name}__order_scenes",
        ins={key.path[-1]: dg.In(dg.Nothing) for key in keys.scene_sources},
        out={"shards": dg.DynamicOut(dict), "scratch": dg.Out(str)},
        description="Decide what is drawn, and cut it into shards.",
    )
    def order_scenes(
        context: dg.OpExecutionContext, config: SyntheticConfig, artifacts: Artifacts
    ) -> Iterator[Any]:
        inputs = tuple(latest(context.instance, artifacts.store, key) for key in keys.scene_sources)
        spec = _spec_of(pack, config.model_dump(), tuple(item.version for item in inputs))
        drawing = SetDrawing(context, artifacts.store, pack, code).begun(spec)
        yield dg.Output(drawing.name, "scratch")
        for shard in drawing.to_draw():
            request = {"scratch": drawing.name, "first": shard.first, "stop": shard.stop}
            yield dg.DynamicOutput(request, f"from_{shard.first:08d}", "shards")

    @dg.op(
        name=f"{pack.name}__draw_shard",
        retry_policy=SHARD_RETRIES,
        description="Draw some of the images; may be repeated alone.",
    )
    def draw(context: dg.OpExecutionContext, artifacts: Artifacts, request: dict[str, Any]) -> int:
        drawing = SetDrawing(context, artifacts.store, pack, code, request["scratch"])
        shard = Shard(request["first"], request["stop"])
        drawing.draw(shard)
        return shard.images

    @dg.op(
        name=f"{pack.name}__assemble_set",
        out=dg.Out(dg.Nothing),
        description="Bring the shards together, check that all are there, and commit the set.",
    )
    def assemble_set(
        context: dg.OpExecutionContext, artifacts: Artifacts, scratch: str, drawn: list[int]
    ) -> Iterator[dg.Output[None]]:
        context.log.info(f"{sum(drawn)} images in {len(drawn)} shards were drawn.")
        yield _output_of(SetDrawing(context, artifacts.store, pack, code, scratch).commit())

    @dg.graph_asset(
        name="synthetic_set",
        key_prefix=[pack.name],
        ins={
            key.path[-1]: dg.AssetIn(key=key, dagster_type=dg.Nothing) for key in keys.scene_sources
        },
        config=dg.ConfigMapping(
            lambda config: {"order_scenes": {"config": config}}, SyntheticConfig.to_config_schema()
        ),
        group_name=GROUP,
        kinds={"python", "yolo"},
        code_version=code,
        description="Scenes composed from sprites and backgrounds, with YOLO labels and a record "
        "of every object: boxes, what is visible of it and what covers it. Drawn in shards.",
    )
    def synthetic_set(**sources: Any) -> Any:
        # Steps need no game in their names, as ops do: the asset's name stands before them.
        ordered = order_scenes.alias("order_scenes")(**sources)
        drawn = ordered.shards.map(draw.alias("draw_shard"))
        return assemble_set.alias("assemble_set")(ordered.scratch, drawn.collect())

    return [synthetic_set]


@dataclass(frozen=True)
class SetDrawing:
    """One run's work on the set, as each of its steps sees it.

    Attributes:
        code: version of the code that draws.
        name: of the scratch folder in the store, which all steps share; empty before it is there.
    """

    context: dg.OpExecutionContext
    store: ArtifactStore
    pack: GamePack
    code: str
    name: str = ""

    def begun(self, spec: SetSpec) -> "SetDrawing":
        """Open the run's scratch folder. A run that is repeated after a failure finds it again."""
        drawing = replace(self, name=self._name_for(spec))
        write_set_spec(drawing.scratch, spec)
        return drawing

    def to_draw(self) -> tuple[Shard, ...]:
        """What is left to draw: nothing where the same set was made before."""
        spec = read_set_spec(self.scratch)
        if self._build(spec).earlier is not None:
            return ()
        missing = missing_shards(self.scratch, spec)
        self.context.log.info(
            f"{spec.rules.images} images in {len(spec.shards)} shards, of which {len(missing)} are "
            "to be drawn."
        )
        return missing

    def draw(self, shard: Shard) -> None:
        """Draw one shard.

        Raises:
            Failure: with an error of ours as its cause, which repeating would not fix; or because
                the run was told to end, after which Dagster 1.13 would draw the shard again.
        """
        try:
            spec = self._checked_spec()
            sources = Sources(*(self.store.open(item).path for item in spec.sources))
            report = reporter(self.context.log.info)
            draw_shard(self.scratch, shard, self._chosen_pack(spec), sources, report)
        except (*KNOWN_ERRORS, dg.DagsterExecutionInterruptedError) as error:
            raise dg.Failure(str(error) or "Interrupted.", allow_retries=False) from error

    def commit(self) -> dg.MaterializeResult[Any]:
        """Make the artifact of the finished shards, or take the one that was there before.

        Raises:
            SceneSetError: the scratch folder is gone, shards are missing, or what decides the set
                has changed since it was begun.
        """
        spec = self._checked_spec()
        chosen = self._chosen_pack(spec)

        def show(folder: Path) -> Metadata:
            drawn = SyntheticSet.open(folder)
            return show_set(drawn, chosen, self._asked_for(spec), self._real_boxes())

        build = self._build(spec)
        result = build_asset(build, lambda folder: assemble(self.scratch, folder, chosen), show)
        # The specification goes last: should this step die here and be repeated, it finds the set
        # made.
        remove_tree(self.scratch / SHARDS_FOLDER)
        remove_tree(self.scratch)
        return result

    def _asked_for(self, spec: SetSpec) -> dict[str, float]:
        """How many objects of each class the rules come to in the whole set."""
        library = OpenLibrary(self.store.open(spec.sources[0]).path)
        catalogue = catalogue_of(shapes_of(library), {}, self.pack.classes)
        per_image = expected_counts(spec.rules, catalogue)
        return {name: number * spec.rules.images for name, number in per_image.items()}

    def _real_boxes(self) -> tuple[SeenBox, ...]:
        """Of the batches that are there by now: for people to compare with, and no input.

        Held-out batches are left out. What is chosen by them can no longer be judged by them.
        """
        rules, names = self.pack.scenes, self.pack.class_names
        try:
            batches = merged_batches(self.context.instance, self.store, self.pack)
            frames = chain.from_iterable(ExportBatch.open(b.path).batch.frames for b in batches)
            return tuple(real_boxes(frames, names, (rules.width, rules.height)))
        except KNOWN_ERRORS as error:
            self.context.log.warning(f"There are no real frames to compare with: {error}")
            return ()

    @property
    def scratch(self) -> Path:
        return self.store.scratch(self._key.to_user_string(), self.name)

    @property
    def _key(self) -> dg.AssetKey:
        return GameKeys.of(self.pack).synthetic_set

    def _checked_spec(self) -> SetSpec:
        """The specification, if this step would still carry it out.

        A run that is executed again from its failure begins in the middle, and what is drawn now
        must go with what was drawn then.
        """
        spec = read_set_spec(self.scratch)
        if self._name_for(spec) != self.name:
            raise SceneSetError(
                "The code that draws scenes or the game's classes have changed since this set was "
                "begun, or differ between the machines that draw it.",
                f"Give all machines the same checkout and materialize {self._key.to_user_string()} "
                "again, with all its steps.",
            )
        return spec

    def _name_for(self, spec: SetSpec) -> str:
        """Of the scratch folder: a run and its repetitions share one while they make the same."""
        run = self.context.run.root_run_id or self.context.run.run_id
        return f"run-{run[:13]}-{self._build(spec).recipe.input_key[:8]}"

    def _chosen_pack(self, spec: SetSpec) -> GamePack:
        return self.pack.model_copy(update={"scenes": spec.rules})

    def _build(self, spec: SetSpec) -> AssetBuild:
        recipe = {
            "scenes": spec.rules.model_dump(mode="json"),
            "classes": [known.model_dump(mode="json") for known in self.pack.classes],
        }
        inputs = tuple(self.store.open(version) for version in spec.sources)
        return AssetBuild(
            self.context,
            self.store,
            self._key,
            self.code,
            recipe,
            inputs,
            began_at=spec.began_at,
            reproducible=True,
        )


def _output_of(result: dg.MaterializeResult[Any]) -> dg.Output[None]:
    """What a graph's last step gives of a set, with how fast it was drawn.

    A graph has no other way to report a data version, of which Dagster would say in every run that
    it may change one day.
    """
    shown: dict[str, Any] = dict(result.metadata or {})
    speed = shown["images"] / max(shown["made_in_seconds"], 1e-3)
    shown["images_per_second"] = round(speed, 1)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Parameter `data_version`", dg.BetaWarning)
        return dg.Output(None, metadata=shown, data_version=result.data_version)


def _spec_of(
    pack: GamePack, changes: dict[str, Any], sources: tuple[ArtifactVersion, ...]
) -> SetSpec:
    """The pack's rules with what a person has changed of them."""
    shard_images = changes.pop("shard_images")
    try:
        spec = SetSpec(
            rules=SceneRules.model_validate({**pack.scenes.model_dump(), **changes}),
            sources=sources,
            shard_images=shard_images,
            began_at=time.time(),
        )
    except ValidationError as error:
        raise LaunchpadError.of(error) from None
    if spec.rules.shore_fraction > 0 and not GameKeys.of(pack).has_shores:
        raise LaunchpadError(
            f"There are no shore backgrounds of {pack.name}: its scenes.yaml asks for none.",
            "Set shore_fraction to 0 in the launchpad, or give scenes.yaml a shore_fraction.",
        )
    return spec


def show_set(
    synthetic: SyntheticSet, pack: GamePack, asked_for: Mapping[str, float], real: Sequence[SeenBox]
) -> Metadata:
    """Samples with their boxes, counts, sizes and positions, and what was dropped and why.

    Args:
        asked_for: objects of each class that the rules come to; what of them found no room was not
            drawn.
        real: boxes of annotated frames, beside which the drawn ones are shown.
    """
    summary = synthetic.summary
    names, policy = pack.class_names, pack.scenes.labels
    rows = []
    for name in names:
        dropped = summary.dropped.get(name, {})
        why = ", ".join(f"{reason} {count}" for reason, count in sorted(dropped.items()))
        asked = round(asked_for.get(name, 0.0))
        rows.append([name, asked, summary.counts[name], sum(dropped.values()), why])
    drawn = synthetic_boxes(synthetic.some_scenes(PLOTTED))
    return {
        "images": summary.images,
        **{f"{kind}_scenes": summary.scenes.get(kind, 0) for kind in ("land", "water", "shore")},
        "gated": pack.scenes.gated,
        "enhanced": pack.scenes.enhanced,
        "preview": [
            image(sample_sheet(synthetic, names, policy), "annotated samples"),
            drawing(distribution_svg(drawn, real, names), "sizes and positions"),
        ],
        "per_class": table(["class", "asked for", "labels", "dropped", "why"], rows),
    }
