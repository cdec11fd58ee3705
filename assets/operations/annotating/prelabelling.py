"""Finding boxes to correct in the frames of a batch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from assets.core.building import latest
from assets.core.keys import GameKeys
from assets.core.runs import materialize
from assets.definitions import build_definitions
from assets.operations.annotating.batch_choice import require_batch
from pipeline.annotation.prelabels import Prelabels
from pipeline.games.pack import load_pack
from resources.defaults import Resources
from resources.instance import open_instance


@dataclass(frozen=True)
class PrelabelOptions:
    """What a caller may change; None keeps what the asset's configuration says."""

    backend: str | None = None
    confidence: float | None = None
    tiles: bool = False
    yoloe_weights: Path | None = None


@dataclass(frozen=True)
class PrelabelReport:
    """Boxes that were found in a batch, for people.

    Attributes:
        boxes: that go out to be corrected; those of blind frames are no part of them.
        coco: the archive to import into CVAT by hand.
        unchanged: they were found before.
    """

    batch: str
    model: str
    frames: int
    blind: int
    boxes: int
    coco: Path
    unchanged: bool


def prelabel(
    resources: Resources, game: str | Path, name: str, options: PrelabelOptions
) -> PrelabelReport:
    """Find boxes to correct in the frames of a batch.

    Raises:
        UnknownAnnotationBatchError: there is no such batch.
        OutpostError: what the back end needs is not there.
    """
    pack = load_pack(game)
    resources.state.require_writable()
    keys = GameKeys.of(pack)
    definitions = build_definitions(pack, resources.by_name())
    given = {
        "backend": options.backend,
        "confidence": options.confidence,
        "tiles": options.tiles,
        "yoloe_weights": options.yoloe_weights and str(options.yoloe_weights.resolve()),
    }
    asked = {option: value for option, value in given.items() if value is not None}
    config = {"__".join(keys.prelabels.path): {"config": asked}}
    with open_instance(resources.state) as instance:
        require_batch(instance, pack, name)
        (made,) = materialize(
            definitions, instance, [keys.prelabels], partition=name, config=config
        )
        artifact = latest(instance, resources.artifacts.store, keys.prelabels, name)
    prelabels = Prelabels.open(artifact.path)
    content = prelabels.content
    return PrelabelReport(
        batch=name,
        model=content.model,
        frames=len(content.frames),
        blind=len(content.frames) - len(content.shown),
        boxes=sum(len(frame.boxes) for frame in content.shown),
        coco=prelabels.coco,
        unchanged=made.skipped,
    )
