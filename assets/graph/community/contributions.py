"""What each contributor has sent, checked and stored: one partition for each install."""

import tempfile
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import dagster as dg

from assets.core.building import AssetBuild, Metadata, build_asset, latest_version
from assets.core.keys import GameKeys
from assets.core.metadata import image, literal, table
from pipeline.community.crop_sheet import crop_sheet
from pipeline.community.receiving.receive import Fetch, Reading, receive
from pipeline.community.receiving.refusals import ReceivingLimits
from pipeline.community.receiving.staged_files import StagedFile, install_of, stamp_of
from pipeline.community.staged_crops import StagedCrops, StagedCropsError
from pipeline.community.withdrawn_installs import Withdrawal
from pipeline.errors import OutpostError
from pipeline.games.pack import GamePack
from pipeline.games.sections.community import CommunityRules
from pipeline.provenance import code_version_behind
from resources.artifacts import ArtifactMissingError, Artifacts, ArtifactStore
from resources.contributions import Contributions
from resources.contributions.staging import StagingPlace

GROUP = "community"
MOST_ROWS = 50


class ContributorError(OutpostError):
    """A contributor that there cannot be."""


def contribution_assets(pack: GamePack) -> list[dg.AssetsDefinition]:
    """What players have sent of a game; nothing for games without a community."""
    return [] if pack.community is None else [_staged_crops(pack, pack.community)]


def require_install(name: str) -> UUID:
    """The install of a partition or an argument.

    Raises:
        ContributorError: it is no id of an install. The UI adds any partition.
    """
    install = install_of(name)
    if install is None:
        raise ContributorError(
            f"'{name}' is no contributor: an install is named by its random id.",
            "`outpost community list` shows all that have sent something.",
        )
    return install


def _staged_crops(pack: GamePack, rules: CommunityRules) -> dg.AssetsDefinition:
    keys = GameKeys.of(pack)
    code = code_version_behind("pipeline.community.receiving.receive")

    @dg.asset(
        key=keys.staged_crops,
        partitions_def=keys.contributors,
        group_name=GROUP,
        kinds={"png", "json"},
        code_version=code,
        description="What one install has sent: icons, texts and screens with the labels that its "
        "player confirmed. Every digest is computed here; what cannot be right is refused and "
        "counted.",
    )
    def staged_crops(
        context: dg.AssetExecutionContext, artifacts: Artifacts, contributions: Contributions
    ) -> dg.MaterializeResult[Any]:
        install, limits = require_install(context.partition_key), ReceivingLimits()
        staging, store = contributions.staging(pack.name), artifacts.store
        files = tuple(staging.files(install, limits.files + 1))
        reading = Reading(rules, datetime.now(UTC).date(), limits)
        recipe = {
            "files": stamp_of(files, limits),
            "rules": rules.model_dump(mode="json"),
            "today": str(reading.today),
        }
        build = AssetBuild(context, store, keys.staged_crops, code, recipe)
        kept = _kept_images(context.instance, store, keys, str(install))
        fetch = _fetched(staging, install, kept)

        def write(folder: Path) -> None:
            with tempfile.TemporaryDirectory() as images:
                found = receive(install, iter(files), fetch, reading, Path(images), build.report)
                StagedCrops.write(folder, found.content, found.files)

        withdrawn = contributions.withdrawals(pack.name).read().of(str(install))
        return build_asset(build, write, partial(_show, withdrawn=withdrawn))

    return staged_crops


def _kept_images(
    instance: dg.DagsterInstance, store: ArtifactStore, keys: GameKeys, install: str
) -> Mapping[str, Path]:
    """Images of the last reading by digest, which need not be fetched again; none if it is gone."""
    version = latest_version(instance, keys.staged_crops, install)
    if version is None:
        return {}
    try:
        staged = StagedCrops.open(store.open(version).path)
    except (ArtifactMissingError, StagedCropsError):
        return {}
    return {crop.sha256: staged.image_of(crop) for crop in staged.content.crops}


def _fetched(staging: StagingPlace, install: UUID, kept: Mapping[str, Path]) -> Fetch:
    """Gets files from the last reading, or else from where they were sent to."""

    def fetch(file: StagedFile) -> bytes | None:
        known = kept.get(file.path.rpartition("/")[2].removesuffix(".png"))
        if known is not None and known.stat().st_size == file.size:
            return known.read_bytes()
        return staging.fetch(install, file)

    return fetch


def _show(folder: Path, withdrawn: Withdrawal | None) -> Metadata:
    staged = StagedCrops.open(folder)
    content, sheet = staged.content, crop_sheet(staged)
    kinds = Counter(crop.kind for crop in content.crops)
    labels = Counter((crop.kind, crop.slot, crop.name) for crop in content.crops)
    return {
        "icons": kinds["icon"],
        "texts": kinds["text"],
        "screens": kinds["screen"],
        "refused": sum(content.refused.values()),
        "withdrawn": f"{withdrawn.date}: {withdrawn.reason}" if withdrawn else "no",
        "preview": [image(sheet, "what was sent")] if sheet else [],
        "refused_by_reason": table(["reason", "items"], content.refused.items()),
        "labels": table(
            ["kind", "slot", "label", "crops"],
            [[*map(literal, label), count] for label, count in labels.most_common(MOST_ROWS)],
        ),
    }
