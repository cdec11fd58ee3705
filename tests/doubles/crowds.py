"""Installs that upload icons of a small game, received and voted on by the real assets."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import dagster as dg
import numpy as np
import yaml
from doubles.contributions import RULES, Uploads
from doubles.toy import TOY
from PIL import Image
from typer.testing import CliRunner

from assets.cli.app import app
from assets.core.building import latest
from assets.core.keys import GameKeys
from assets.core.runs import Outcome, materialize
from assets.definitions import build_definitions
from pipeline.community.voted_crops import VotedCrops
from pipeline.games.pack import GamePack
from resources.defaults import Resources

PACK = GamePack.model_validate({**TOY, "community": RULES.model_dump()})
KEYS = GameKeys.of(PACK)


def crop(look: int, noise: int) -> bytes:
    """An icon as one player sees it: each has pixels of its own."""
    coarse = np.random.default_rng(look).integers(0, 246, (8, 8, 3), dtype=np.uint8)
    image = Image.fromarray(coarse).resize((64, 64), Image.Resampling.BICUBIC)
    own = np.random.default_rng(noise).integers(0, 10, (64, 64, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(np.clip(np.asarray(image, dtype=int) + own, 0, 255).astype(np.uint8)).save(
        buffer, "PNG"
    )
    return buffer.getvalue()


def text(number: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (90, 20), (number, 90, 90)).save(buffer, "PNG")
    return buffer.getvalue()


def install(number: int) -> UUID:
    return UUID(f"00000000-0000-4000-8000-{number:012}")


@dataclass
class Crowd:
    """A game with a community, in a state folder of its own."""

    resources: Resources
    instance: dg.DagsterInstance
    pack: Path
    definitions: dg.Definitions = field(init=False)

    def __post_init__(self) -> None:
        self.definitions = build_definitions(PACK, self.resources.by_name())
        self.pack.mkdir(exist_ok=True)
        written = yaml.safe_dump(PACK.model_dump(mode="json"))
        (self.pack / "pack.yaml").write_text(written, "utf-8")

    def send(self, number: int, icons: dict[int, str], readings: dict[str, str]) -> None:
        """Have one install upload icons by how they look, and texts by how they were read."""
        uploads = Uploads()
        for look, name in icons.items():
            uploads.crop(crop(look, 100 * number + look), name)
        for place, (read, name) in enumerate(readings.items()):
            uploads.crop(text(10 * number + place), name, slot="title", ml_name=read)
        uploads.write(self.resources.state.contributions / "toy", install(number))
        self.instance.add_dynamic_partitions("toy_contributors", [str(install(number))])
        self.make(KEYS.staged_crops, partition=str(install(number)))

    def make(self, key: dg.AssetKey, **options: str) -> Outcome:
        (outcome,) = materialize(self.definitions, self.instance, [key], **options)
        return outcome

    @property
    def voted(self) -> VotedCrops:
        store = self.resources.artifacts.store
        return VotedCrops.open(latest(self.instance, store, KEYS.voted_crops).path)

    def outpost(self, *words: str, app_of: str = "community") -> str:
        command = [app_of, *words, "--game", str(self.pack)]
        return CliRunner().invoke(app, command, obj=self.resources).output

    def page(self, key: dg.AssetKey) -> dict[str, object]:
        event = self.instance.get_latest_materialization_event(key)
        assert event is not None
        assert event.asset_materialization is not None
        return {name: one.value for name, one in event.asset_materialization.metadata.items()}
