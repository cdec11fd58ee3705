"""The community model: put together from classifiers, votes and corrections, and published.

A version of it travels like one of a detector, under a name and with keys of its own.
"""

import tempfile
from datetime import datetime
from pathlib import Path
from typing import Any

import dagster as dg

from assets.core.building import (
    AssetBuild,
    Metadata,
    build_asset,
    latest,
    latest_version,
    notice,
)
from assets.core.keys import GameKeys
from assets.core.metadata import literal, table
from assets.graph.release import (
    lineage_of,
    publish,
    signers_of,
    trusted_record,
    trusted_records,
)
from pipeline.community.classifiers.model import ClassifierModel
from pipeline.community.text_corrections import TextCorrections
from pipeline.community.voted_crops import VotedCrops
from pipeline.games.pack import GamePack
from pipeline.manifests import digest_of
from pipeline.provenance import code_version_behind
from pipeline.release.bundle import release_version
from pipeline.release.channels import CHAMPION
from pipeline.release.community.evidence import PairedVerdict
from pipeline.release.community.known_names import known_names
from pipeline.release.community.new_version import NewCommunityVersion, community_name
from pipeline.release.community.package import ClassifierPart, CommunityPackage, CommunityParts
from pipeline.release.community.parts import (
    UnbelievedImagesError,
    compare_with_champion,
    evidence_of,
    part_of,
    require_believed,
)
from resources.artifacts import Artifact, Artifacts, ArtifactStore
from resources.releases.release_store import NoKeysError, ReleaseStore
from resources.releases.resource import LOCATION_VARIABLE, Releases

GROUP = "community"
SERIES = "1.0.0"
"""Versions differ in what follows the plus: a digest of what they are made from."""


def community_model_assets(pack: GamePack, *, publishes: bool) -> list[dg.AssetsDefinition]:
    """What programs get of what players labelled; nothing for games without a community.

    Args:
        publishes: whether there is a place to publish into.
    """
    if pack.community is None:
        return []
    return [_community_model(pack), *([_published_community_model(pack)] if publishes else [])]


def _community_model(pack: GamePack) -> dg.AssetsDefinition:
    keys = GameKeys.of(pack)
    code = code_version_behind("pipeline.release.community.parts")
    needed = (keys.icon_classifier, keys.voted_crops, keys.text_corrections)

    @dg.asset(
        key=keys.community_model,
        # Not the classifier of screens: where there are too few to train one, Dagster would skip
        # this as well. It has the higher priority, so that it is there before that of icons.
        deps=needed,
        group_name=GROUP,
        kinds={"onnx", "json"},
        code_version=code,
        description="What programs name icons, screens and texts with: classifiers, names that "
        "enough players agreed on, corrections of texts. Compared with the published champion, "
        "where there is one.",
    )
    def community_model(
        context: dg.AssetExecutionContext, artifacts: Artifacts, releases: Releases
    ) -> dg.MaterializeResult[Any]:
        store, instance = artifacts.store, context.instance
        icons, voted, corrections = (latest(instance, store, key) for key in needed)
        model, crops = ClassifierModel.open(icons.path), VotedCrops.open(voted.path)
        require_believed(model, crops)
        screens = _screens(context, store, keys, crops)
        published = releases.store(community_name(pack.name)) if releases.is_configured else None
        champion = _champion_of(published)
        inputs = (icons, voted, corrections, *([screens] if screens else []))
        recipe = {"series": SERIES, "champion": champion}
        build = AssetBuild(context, store, keys.community_model, code, recipe, inputs)

        def write(folder: Path) -> None:
            parts = CommunityParts(
                name=community_name(pack.name),
                version=release_version(
                    SERIES, digest_of([one.version.data_version for one in inputs])
                ),
                icons=_part(store, icons),
                screens=_part(store, screens) if screens else None,
                corrections=TextCorrections.open(corrections.path).corrections,
                knowledge=known_names(crops.content.crops),
                lineage={one.version.asset: one.version.data_version for one in inputs},
            )
            beside = _beside(published, champion, crops, model)
            CommunityPackage.write(folder, parts, evidence_of(model, beside))

        return build_asset(build, write, _show)

    return community_model


def _published_community_model(pack: GamePack) -> dg.AssetsDefinition:
    keys = GameKeys.of(pack)
    code = code_version_behind("pipeline.release.community.new_version")

    @dg.asset(
        key=keys.published_community_model,
        deps=[keys.community_model],
        group_name=GROUP,
        kinds={"s3"},
        code_version=code,
        description="The community model as a signed version in the folder or bucket that "
        f"{LOCATION_VARIABLE} names, under the name {community_name(pack.name)}, offered in the "
        "channel challenger.",
    )
    def published_community_model(
        context: dg.AssetExecutionContext, artifacts: Artifacts, releases: Releases
    ) -> dg.MaterializeResult[Any]:
        store = artifacts.store
        package = latest(context.instance, store, keys.community_model)
        records = trusted_records(store, package)
        new = NewCommunityVersion(
            package=CommunityPackage.open(package.path),
            lineage=lineage_of(records),
            record_signers=signers_of(store, records),
            created_at=datetime.fromisoformat(records[0].made_at),
        )
        build = AssetBuild(context, store, keys.published_community_model, code, {}, (package,))
        return publish(releases.publisher(community_name(pack.name)), new, build)

    return published_community_model


def _screens(
    context: dg.AssetExecutionContext, store: ArtifactStore, keys: GameKeys, voted: VotedCrops
) -> Artifact | None:
    """The classifier of screens: None before enough have been sent, and where it has learned from
    images that are not believed any more, which may be too few to train another one."""
    if latest_version(context.instance, keys.screen_classifier) is None:
        return None
    screens = latest(context.instance, store, keys.screen_classifier)
    try:
        require_believed(ClassifierModel.open(screens.path), voted)
    except UnbelievedImagesError as error:
        notice(context.log.warning, f"{error.problem} The community model goes without it.")
        return None
    return screens


def _part(store: ArtifactStore, artifact: Artifact) -> ClassifierPart:
    record = trusted_record(store, artifact)
    return part_of(ClassifierModel.open(artifact.path), datetime.fromisoformat(record.made_at))


def _champion_of(published: ReleaseStore | None) -> str | None:
    """The version that everybody has; None before there is one, or keys."""
    if published is None:
        return None
    try:
        head = published.head(CHAMPION)
    except NoKeysError:
        return None
    return head.version if head else None


def _beside(
    published: ReleaseStore | None, champion: str | None, voted: VotedCrops, icons: ClassifierModel
) -> PairedVerdict | None:
    if published is None or champion is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        opened = published.download(published.version(champion), Path(folder, "champion"))
        return compare_with_champion(voted, icons, opened.folder)


def _show(folder: Path) -> Metadata:
    package = CommunityPackage.open(folder)
    said, evidence, model = package.manifest, package.evidence, package.opened()
    names, texts = len(model.overrides), sum(map(len, model.corrections.values()))
    model.close()
    beside = evidence.beside_champion
    return {
        "version": said.version,
        "names_of_icons": said.n_classes,
        "accuracy": str(evidence.accuracy or "no image could judge it"),
        "crops": said.n_samples,
        "contributors": said.n_users,
        "known_hashes": names,
        "corrected_texts": texts,
        "tells_screens_apart": said.has_screens,
        "beside_champion": beside.explanation if beside else "not compared",
        "model": dg.MetadataValue.path(str(package.model)),
        "worst_names": table(
            ["name", "right", "images"],
            [
                [literal(one.name), one.right, one.images]
                for one in sorted(evidence.per_name, key=lambda one: one.right / one.images)[:20]
            ],
        ),
    }
