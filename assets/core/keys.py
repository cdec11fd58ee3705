"""Names of assets and partitions, in one place for everything that refers to them."""

from dataclasses import dataclass

import dagster as dg

from pipeline.backgrounds.textures import Kind
from pipeline.games.pack import GamePack


class _Key:
    """The key of a game's asset, under the name of the attribute that this is."""

    def __set_name__(self, _owner: type, name: str) -> None:
        self._name = name

    def __get__(self, keys: "GameKeys", _owner: type) -> dg.AssetKey:
        return dg.AssetKey([keys.game, self._name])


class _CommunityKey(_Key):
    """The key of an asset of a game's community."""

    def __get__(self, keys: "GameKeys", _owner: type) -> dg.AssetKey:
        return dg.AssetKey([keys.game, "community", self._name])


class _PlayKey(_Key):
    """The key of an asset of a game that is played."""

    def __get__(self, keys: "GameKeys", _owner: type) -> dg.AssetKey:
        return dg.AssetKey([keys.game, "play", self._name])


class _ArenaKey(_Key):
    """The key of an asset of policies that play against each other."""

    def __get__(self, keys: "GameKeys", _owner: type) -> dg.AssetKey:
        return dg.AssetKey([keys.game, "arena", self._name.removeprefix("arena_")])


@dataclass(frozen=True)
class GameKeys:
    """The asset keys of one game: the game's name comes first, so that lineages never mix."""

    game: str
    has_shores: bool = False
    """Whether the game's scenes lie at the shore too, and need backgrounds for it."""

    game_files = _Key()
    sprites = _Key()
    synthetic_set = _Key()
    cvat_export = _Key()
    cvat_merge = _Key()
    owner_model = _Key()
    trained_weights = _Key()
    onnx_export = _Key()
    real_evaluation = _Key()
    class_thresholds = _Key()
    runtime_package = _Key()
    published_model = _Key()
    annotation_batch = _Key()
    hard_negatives = _Key()
    prelabels = _Key()
    cvat_task = _Key()
    label_corrections = _Key()

    staged_crops = _CommunityKey()
    voted_crops = _CommunityKey()
    text_corrections = _CommunityKey()
    disputed_crops = _CommunityKey()
    dispute_task = _CommunityKey()
    settled_disputes = _CommunityKey()
    icon_classifier = _CommunityKey()
    screen_classifier = _CommunityKey()
    community_model = _CommunityKey()
    published_community_model = _CommunityKey()

    recordings = _PlayKey()
    policies = _PlayKey()
    policy_evaluation = _PlayKey()
    policy_package = _PlayKey()
    published_policies = _PlayKey()

    arena_policy = _ArenaKey()
    arena_league = _ArenaKey()
    arena_ratings = _ArenaKey()
    arena_benchmarks = _ArenaKey()

    @classmethod
    def of(cls, pack: GamePack) -> "GameKeys":
        """Keys of a pack's game."""
        return cls(pack.name, pack.scenes.shore_fraction > 0)

    @property
    def kinds_of_background(self) -> tuple[Kind, ...]:
        """What scenes may lie on."""
        return ("land", "water", "shore") if self.has_shores else ("land", "water")

    def backgrounds_of(self, kind: Kind) -> dg.AssetKey:
        """Backgrounds of one kind; land's are called terrain."""
        return dg.AssetKey([self.game, f"{'terrain' if kind == 'land' else kind}_backgrounds"])

    @property
    def scene_sources(self) -> tuple[dg.AssetKey, ...]:
        """What scenes are drawn from: sprites, then the backgrounds of each kind."""
        return (self.sprites, *map(self.backgrounds_of, self.kinds_of_background))

    @property
    def after_annotation(self) -> tuple[dg.AssetKey, ...]:
        """What follows from new annotations, in order."""
        return (
            self.cvat_merge,
            self.trained_weights,
            self.onnx_export,
            self.real_evaluation,
            self.class_thresholds,
            self.runtime_package,
        )

    @property
    def before_annotation(self) -> tuple[dg.AssetKey, ...]:
        """What is made from the game's files alone, in order."""
        return (self.game_files, *self.scene_sources, self.synthetic_set, self.owner_model)

    @property
    def export_batches(self) -> dg.DynamicPartitionsDefinition:
        """One partition per CVAT export batch."""
        return dg.DynamicPartitionsDefinition(name=f"{self.game}_export_batches")

    @property
    def annotation_batches(self) -> dg.DynamicPartitionsDefinition:
        """One partition per batch of frames that goes out to be labelled."""
        return dg.DynamicPartitionsDefinition(name=f"{self.game}_annotation_batches")

    @property
    def dispute_batches(self) -> dg.DynamicPartitionsDefinition:
        """One partition per batch of images whose label contributors do not agree on."""
        return dg.DynamicPartitionsDefinition(name=f"{self.game}_dispute_batches")

    @property
    def contributors(self) -> dg.DynamicPartitionsDefinition:
        """One partition per install that contributes."""
        return dg.DynamicPartitionsDefinition(name=f"{self.game}_contributors")

    @property
    def recorded_sessions(self) -> dg.DynamicPartitionsDefinition:
        """One partition per recorded session of play."""
        return dg.DynamicPartitionsDefinition(name=f"{self.game}_recorded_sessions")
