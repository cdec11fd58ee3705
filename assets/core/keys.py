"""Names of assets and partitions, in one place for everything that refers to them."""

from dataclasses import dataclass

import dagster as dg

from pipeline.backgrounds.textures import Kind
from pipeline.games.pack import GamePack


@dataclass(frozen=True)
class GameKeys:
    """The asset keys of one game: the game's name comes first, so that lineages never mix."""

    game: str
    has_shores: bool = False
    """Whether the game's scenes lie at the shore too, and need backgrounds for it."""

    @classmethod
    def of(cls, pack: GamePack) -> "GameKeys":
        """Keys of a pack's game."""
        return cls(pack.name, pack.scenes.shore_fraction > 0)

    def _key(self, name: str) -> dg.AssetKey:
        return dg.AssetKey([self.game, name])

    @property
    def game_files(self) -> dg.AssetKey:
        return self._key("game_files")

    @property
    def sprites(self) -> dg.AssetKey:
        return self._key("sprites")

    @property
    def kinds_of_background(self) -> tuple[Kind, ...]:
        """What scenes may lie on."""
        return ("land", "water", "shore") if self.has_shores else ("land", "water")

    def backgrounds_of(self, kind: Kind) -> dg.AssetKey:
        """Backgrounds of one kind; land's are called terrain."""
        return self._key(f"{'terrain' if kind == 'land' else kind}_backgrounds")

    @property
    def scene_sources(self) -> tuple[dg.AssetKey, ...]:
        """What scenes are drawn from: sprites, then the backgrounds of each kind."""
        return (self.sprites, *map(self.backgrounds_of, self.kinds_of_background))

    @property
    def synthetic_set(self) -> dg.AssetKey:
        return self._key("synthetic_set")

    @property
    def cvat_export(self) -> dg.AssetKey:
        return self._key("cvat_export")

    @property
    def cvat_merge(self) -> dg.AssetKey:
        return self._key("cvat_merge")

    @property
    def trained_weights(self) -> dg.AssetKey:
        return self._key("trained_weights")

    @property
    def onnx_export(self) -> dg.AssetKey:
        return self._key("onnx_export")

    @property
    def real_evaluation(self) -> dg.AssetKey:
        return self._key("real_evaluation")

    @property
    def runtime_package(self) -> dg.AssetKey:
        return self._key("runtime_package")

    @property
    def after_annotation(self) -> tuple[dg.AssetKey, ...]:
        """What follows from new annotations, in order."""
        return (
            self.cvat_merge,
            self.trained_weights,
            self.onnx_export,
            self.real_evaluation,
            self.runtime_package,
        )

    @property
    def before_annotation(self) -> tuple[dg.AssetKey, ...]:
        """What is made from the game's files alone, in order."""
        return (
            self.game_files,
            *self.scene_sources,
            self.synthetic_set,
        )

    @property
    def export_batches(self) -> dg.DynamicPartitionsDefinition:
        """One partition per CVAT export batch."""
        return dg.DynamicPartitionsDefinition(name=f"{self.game}_export_batches")
