"""A synthetic set drawn in parts, by as many processes and machines as there are.

    <workshop>/
        order.json          what is drawn, from what, and in which shards (`Order`)
        shards/             one folder per finished shard; it appears whole or not at all
            00000000-00000540/files/{images,labels,objects}/..., counts.json, manifest.json
        attempts/           shards that are being drawn

The workshop must be reachable by all who draw. A shard that is drawn twice (by a worker that was
taken for dead, say) has the same bytes both times; whoever comes second throws its copy away. So
any shard may be repeated alone, and the set depends on none of it.
"""

from __future__ import annotations

import json
import shutil
import time
import uuid
from collections import Counter
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pipeline.games.pack import GamePack
from pipeline.games.sections.scenes import SceneRules
from pipeline.labels.synthetic import SUBSETS
from pipeline.links import link_file
from pipeline.manifests import FileEntry, Manifest, joined, manifest_of, sha256_of
from pipeline.progress import Progress, Report, silent
from pipeline.provenance import ArtifactVersion
from pipeline.scenes.dataset.layout import (
    PARTS,
    SceneSetError,
    Shard,
    shards,
    unwritable_told,
)
from pipeline.scenes.dataset.shard_writer import ShardCounts, Sources, open_studio
from pipeline.scenes.dataset.synthetic_set import SUMMARY_FILE
from pipeline.scenes.dataset.writer import finish_set

SHARDS_FOLDER = "shards"
ORDER_FILE = "order.json"
COUNTS_FILE = "counts.json"
MANIFEST_FILE = "manifest.json"
FILES = "files"
SHARD_MEGAPIXELS = 500.0
"""A shard of this size takes some ten seconds, of which two or three go for starting a process."""
FEWEST_IMAGES = 50
DRAW_AGAIN = "Re-execute the run from its failure, or materialize the set again."


class Order(BaseModel):
    """What all shards of one set have in common."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rules: SceneRules
    sources: tuple[ArtifactVersion, ...] = Field(description="Sprites, then backgrounds by kind.")
    shard_images: int = Field(ge=1)
    began_at: float = Field(description="Seconds since the epoch.")

    @property
    def shards(self) -> tuple[Shard, ...]:
        """Every shard of the set, in order."""
        return shards(self.rules.images, self.shard_images)


def images_per_shard(rules: SceneRules) -> int:
    """Pictures that are worth a process of their own."""
    return max(FEWEST_IMAGES, int(SHARD_MEGAPIXELS * 1e6 / (rules.width * rules.height)))


def write_order(workshop: Path, order: Order) -> None:
    """Open a workshop, which may exist from an earlier attempt at the same order.

    Raises:
        SceneSetError: it cannot be written.
    """
    temporary = workshop / f".{ORDER_FILE}.{uuid.uuid4().hex[:8]}"
    with unwritable_told(workshop):
        workshop.mkdir(parents=True, exist_ok=True)
        _write_text(temporary, order.model_dump_json(indent=1) + "\n")
        temporary.replace(workshop / ORDER_FILE)


def read_order(workshop: Path) -> Order:
    """What is drawn in a workshop.

    Raises:
        SceneSetError: there is no workshop at that place.
    """
    try:
        return Order.model_validate_json((workshop / ORDER_FILE).read_text("utf-8"))
    except (OSError, ValidationError) as error:
        raise SceneSetError(
            f"There is no order to draw scenes in {workshop}.",
            "All machines that draw must share the state folder; if they do, materialize the set "
            "again.",
        ) from error


def missing_shards(workshop: Path, order: Order) -> tuple[Shard, ...]:
    """Shards that are not finished yet."""
    return tuple(shard for shard in order.shards if not _place(workshop, shard).is_dir())


def draw_shard(
    workshop: Path, shard: Shard, pack: GamePack, sources: Sources, report: Report = silent
) -> None:
    """Draw one shard, whole or not at all; one that is finished is left alone.

    Args:
        workshop: where `write_order` wrote the order.
        pack: with the order's scene rules.
        sources: what the order's versions stand for on this machine.

    Raises:
        SceneSetError, BackgroundError, SpriteLibraryError: see `dataset.writer.write_set`.
    """
    place = _place(workshop, shard)
    if place.is_dir():
        return
    attempt = workshop / "attempts" / f"{place.name}-{uuid.uuid4().hex[:8]}"
    try:
        with unwritable_told(workshop):
            (attempt / FILES).mkdir(parents=True)
        counts = _draw(attempt / FILES, shard, pack, sources, report)
        # Hashed here, by many at once and while the files are at hand, instead of by one later.
        manifest = manifest_of(attempt / FILES)
        with unwritable_told(workshop):
            _write_text(attempt / COUNTS_FILE, _counts_json(counts))
            _write_text(attempt / MANIFEST_FILE, manifest.model_dump_json())
            _settle(attempt, place)
    finally:
        shutil.rmtree(attempt, ignore_errors=True)


def assemble(workshop: Path, folder: Path, pack: GamePack) -> Manifest:
    """Bring the files of all shards together and finish the set.

    The workshop is left as it is, so that this can be repeated as well.

    Args:
        workshop: of which every shard is finished.
        folder: empty; files are linked into it where the file system allows that.
        pack: with the order's scene rules.

    Returns:
        the manifest of `folder`.

    Raises:
        SceneSetError: shards are missing or incomplete; `folder` cannot be written.
    """
    order = read_order(workshop)
    _require_all(workshop, order)
    finished = [_read_finished(_place(workshop, shard), shard) for shard in order.shards]
    with unwritable_told(folder):
        for part in PARTS:
            for subset in SUBSETS:
                (folder / part / subset).mkdir(parents=True, exist_ok=True)
        for _, manifest, files in finished:
            for entry in manifest.files:
                link_file(files / entry.path, folder / entry.path)
    finish_set(folder, pack, [counts for counts, _, _ in finished])
    summary = folder / SUMMARY_FILE
    entry = FileEntry(path=SUMMARY_FILE, size=summary.stat().st_size, sha256=sha256_of(summary))
    return joined([Manifest(files=(entry,)), *(manifest for _, manifest, _ in finished)])


def _draw(
    attempt: Path, shard: Shard, pack: GamePack, sources: Sources, report: Report
) -> ShardCounts:
    """In slices, for the sake of progress."""
    began = time.monotonic()
    studio = open_studio(pack, sources)
    stage = f"drawing scenes {shard.first} to {shard.stop - 1} of {pack.scenes.images}"
    report(Progress(stage, 0, shard.images, 0.0))
    total = ShardCounts(shard, Counter(), Counter(), Counter())
    for slice_ in shards(shard.images):
        part = Shard(shard.first + slice_.first, shard.first + slice_.stop)
        counts = studio.write(part, attempt)
        total.scenes.update(counts.scenes)
        total.labels.update(counts.labels)
        total.dropped.update(counts.dropped)
        report(Progress(stage, slice_.stop, shard.images, time.monotonic() - began))
    return total


def _place(workshop: Path, shard: Shard) -> Path:
    return workshop / SHARDS_FOLDER / f"{shard.first:08d}-{shard.stop:08d}"


def _settle(attempt: Path, place: Path) -> None:
    """Rename a finished attempt into its place, unless somebody else was first."""
    place.parent.mkdir(exist_ok=True)
    try:
        attempt.replace(place)
    except OSError:
        if not place.is_dir():
            raise


def _require_all(workshop: Path, order: Order) -> None:
    missing = missing_shards(workshop, order)
    if missing:
        named = ", ".join(f"{shard.first} to {shard.stop - 1}" for shard in missing[:3])
        raise SceneSetError(
            f"{len(missing)} of {len(order.shards)} shards were not drawn, among them the pictures "
            f"{named}.",
            DRAW_AGAIN,
        )


def _counts_json(counts: ShardCounts) -> str:
    document = {
        **asdict(counts.shard),
        "scenes": dict(counts.scenes),
        "labels": dict(counts.labels),
        "dropped": [[name, reason, number] for (name, reason), number in counts.dropped.items()],
    }
    return json.dumps(document, sort_keys=True) + "\n"


def _read_finished(place: Path, shard: Shard) -> tuple[ShardCounts, Manifest, Path]:
    """What a finished shard counted, its files, and where they are."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        found = json.loads((place / COUNTS_FILE).read_text("utf-8"))
        manifest = Manifest.model_validate_json((place / MANIFEST_FILE).read_text("utf-8"))
        whole = all(
            (place / FILES / entry.path).stat().st_size == entry.size for entry in manifest.files
        )
        if whole and (found["first"], found["stop"]) == (shard.first, shard.stop):
            dropped = Counter({(name, reason): n for name, reason, n in found["dropped"]})
            counts = ShardCounts(shard, Counter(found["scenes"]), Counter(found["labels"]), dropped)
            return counts, manifest, place / FILES
    raise SceneSetError(f"{place} is not a finished shard.", f"Delete it. {DRAW_AGAIN}")


def _write_text(file: Path, text: str) -> None:
    file.write_text(text, encoding="utf-8", newline="\n")
