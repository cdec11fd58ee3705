"""A synthetic set drawn in parts, by as many processes and machines as there are.

    <scratch folder>/
        order.json          what is drawn, from what, and in which shards (`SetSpec`)
        shards/             one folder per finished shard; it appears whole or not at all
            00000000-00000540/files/{images,labels,objects}/..., counts.json, manifest.json
        attempts/           shards that are being drawn

The scratch folder must be reachable by all who draw. A shard that is drawn twice (by a worker that
was taken for dead, say) has the same bytes both times; whoever comes second throws its copy away.
So any shard may be repeated alone, and the set depends on none of it.
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

from pydantic import BaseModel, ConfigDict, Field

from pipeline.files import read_json, replacing, write_text
from pipeline.games.pack import GamePack
from pipeline.games.sections.scenes import SceneRules
from pipeline.links import link_file
from pipeline.manifests import FileEntry, Manifest, joined, manifest_of, sha256_of
from pipeline.progress import Progress, Report, silent
from pipeline.provenance import ArtifactVersion
from pipeline.scenes.dataset.layout import (
    SceneSetError,
    Shard,
    explain_write_errors,
    make_folders,
    shards,
)
from pipeline.scenes.dataset.shard_writer import ShardCounts, Sources, open_shard_writer
from pipeline.scenes.dataset.synthetic_set import SUMMARY_FILE
from pipeline.scenes.dataset.writer import finish_set

SHARDS_FOLDER = "shards"
SPEC_FILE = "order.json"
COUNTS_FILE = "counts.json"
MANIFEST_FILE = "manifest.json"
FILES = "files"
SHARD_MEGAPIXELS = 500.0
"""A shard of this size takes some ten seconds, of which two or three go for starting a process."""
FEWEST_IMAGES = 50
DRAW_AGAIN = "Re-execute the run from its failure, or materialize the set again."


class SetSpec(BaseModel):
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
    """Images that are worth a process of their own."""
    return max(FEWEST_IMAGES, int(SHARD_MEGAPIXELS * 1e6 / (rules.width * rules.height)))


def write_set_spec(scratch: Path, spec: SetSpec) -> None:
    """Open a scratch folder, which may exist from an earlier attempt at the same set.

    Raises:
        SceneSetError: it cannot be written.
    """
    with explain_write_errors(scratch), replacing(scratch / SPEC_FILE) as fresh:
        write_text(fresh, spec.model_dump_json(indent=1) + "\n")


def read_set_spec(scratch: Path) -> SetSpec:
    """What is drawn in a scratch folder.

    Raises:
        SceneSetError: there is no scratch folder at that place.
    """
    return read_json(scratch / SPEC_FILE, SetSpec, _not_started)


def _not_started(file: Path, _: Exception) -> SceneSetError:
    return SceneSetError(
        f"No synthetic set was started in {file.parent}.",
        "All machines that draw must share the state folder; if they do, materialize the set "
        "again.",
    )


def missing_shards(scratch: Path, spec: SetSpec) -> tuple[Shard, ...]:
    """Shards that are not finished yet."""
    return tuple(shard for shard in spec.shards if not _shard_folder(scratch, shard).is_dir())


def draw_shard(
    scratch: Path, shard: Shard, pack: GamePack, sources: Sources, report: Report = silent
) -> None:
    """Draw one shard, whole or not at all; one that is finished is left alone.

    Args:
        scratch: where `write_set_spec` wrote the specification.
        pack: with the specification's scene rules.
        sources: what the specification's versions stand for on this machine.

    Raises:
        SceneSetError, BackgroundError, SpriteLibraryError: see `dataset.writer.write_set`.
    """
    place = _shard_folder(scratch, shard)
    if place.is_dir():
        return
    attempt = scratch / "attempts" / f"{place.name}-{uuid.uuid4().hex[:8]}"
    try:
        with explain_write_errors(scratch):
            (attempt / FILES).mkdir(parents=True)
        counts = _draw(attempt / FILES, shard, pack, sources, report)
        # Hashed here, by many at once and while the files are at hand, instead of by one later.
        manifest = manifest_of(attempt / FILES)
        with explain_write_errors(scratch):
            write_text(attempt / COUNTS_FILE, _counts_json(counts))
            write_text(attempt / MANIFEST_FILE, manifest.model_dump_json())
            _move_into_place(attempt, place)
    finally:
        shutil.rmtree(attempt, ignore_errors=True)


def assemble(scratch: Path, folder: Path, pack: GamePack) -> Manifest:
    """Bring the files of all shards together and finish the set.

    The scratch folder is left as it is, so that this can be repeated as well.

    Args:
        scratch: of which every shard is finished.
        folder: empty; files are linked into it where the file system allows that.
        pack: with the specification's scene rules.

    Returns:
        the manifest of `folder`.

    Raises:
        SceneSetError: shards are missing or incomplete; `folder` cannot be written.
    """
    spec = read_set_spec(scratch)
    _require_all(scratch, spec)
    finished = [_read_finished(_shard_folder(scratch, shard), shard) for shard in spec.shards]
    with explain_write_errors(folder):
        make_folders(folder)
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
    shard_writer = open_shard_writer(pack, sources)
    stage = f"drawing scenes {shard.first} to {shard.stop - 1} of {pack.scenes.images}"
    report(Progress(stage, 0, shard.images, 0.0))
    total = ShardCounts(shard, Counter(), Counter(), Counter())
    for slice_ in shards(shard.images):
        part = Shard(shard.first + slice_.first, shard.first + slice_.stop)
        counts = shard_writer.write(part, attempt)
        total.scenes.update(counts.scenes)
        total.labels.update(counts.labels)
        total.dropped.update(counts.dropped)
        report(Progress(stage, slice_.stop, shard.images, time.monotonic() - began))
    return total


def _shard_folder(scratch: Path, shard: Shard) -> Path:
    return scratch / SHARDS_FOLDER / f"{shard.first:08d}-{shard.stop:08d}"


def _move_into_place(attempt: Path, place: Path) -> None:
    """Rename a finished attempt into its place, unless somebody else was first."""
    place.parent.mkdir(exist_ok=True)
    try:
        attempt.replace(place)
    except OSError:
        if not place.is_dir():
            raise


def _require_all(scratch: Path, spec: SetSpec) -> None:
    missing = missing_shards(scratch, spec)
    if missing:
        named = ", ".join(f"{shard.first} to {shard.stop - 1}" for shard in missing[:3])
        raise SceneSetError(
            f"{len(missing)} of {len(spec.shards)} shards were not drawn, among them the images "
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
