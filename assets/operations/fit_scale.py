"""Comparing the sizes of drawn and real objects, with what this state folder or the user has."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from assets.core.building import latest
from assets.core.keys import GameKeys
from assets.graph.annotations import merged_batches
from pipeline.games.pack import GamePack, load_pack
from pipeline.labels.batches import ExportBatch, Frame
from pipeline.labels.formats.coco import read_export
from pipeline.scenes.dataset.synthetic_set import SyntheticSet
from pipeline.scenes.reports.box_sizes import real_boxes, synthetic_boxes
from pipeline.scenes.reports.scale_fit import ScaleFit, fit_scale
from resources.defaults import Resources
from resources.instance import open_instance


def fitted_scale(
    resources: Resources,
    game: str | Path,
    against: Sequence[Path] = (),
    synthetic: Path | None = None,
    frame_scale: float | None = None,
) -> ScaleFit:
    """The zoom and sizes at which drawn objects are as large as real ones.

    Held-out batches are never looked at: what is chosen by them can no longer be judged by them.

    Args:
        against: export batches (zips, folders or `cvat_export` artifacts); without any, all
            materialized batches of the game that serve training.
        synthetic: a synthetic set's folder; without it, the newest that was materialized.
        frame_scale: pixels of a scene for one of a real frame; see `real_boxes`.

    Raises:
        FitError: there is nothing real to compare with, or too little of it.
        NotMaterializedError: there is no synthetic set.
        ExportError, BatchError, SceneSetError: something cannot be read.
    """
    pack = load_pack(game)
    with open_instance(resources.state) as instance:
        store = resources.artifacts.store
        if synthetic is None:
            synthetic = latest(instance, store, GameKeys.of(pack).synthetic_set).path
        batches = against or tuple(b.path for b in merged_batches(instance, store, pack))
    size = (pack.scenes.width, pack.scenes.height)
    return fit_scale(
        synthetic_boxes(SyntheticSet.open(synthetic).scenes()),
        real_boxes(_frames(batches, pack), pack.class_names, size, frame_scale),
        pack.scenes,
        pack.class_names,
    )


def _frames(batches: Sequence[Path], pack: GamePack) -> Iterator[Frame]:
    for path in batches:
        is_batch = ExportBatch.is_in(path)
        read = ExportBatch.open(path).batch if is_batch else read_export(path, pack.class_names)
        yield from read.frames
