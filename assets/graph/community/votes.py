"""What is believed of all contributions: labels of icons and screens, corrections of texts."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal

import dagster as dg
from PIL import Image
from pydantic import Field

from assets.core.building import (
    AssetBuild,
    Metadata,
    build_asset,
    latest_version,
)
from assets.core.keys import GameKeys
from assets.core.launchpad import LaunchpadConfig
from assets.core.metadata import image, limited, literal, table
from pipeline.community.classifiers.model import ClassifierModel
from pipeline.community.staged_crops import CropKind, StagedCrops
from pipeline.community.text_corrections import TextCorrections
from pipeline.community.text_votes import TextVotingRules, count_text_votes
from pipeline.community.voted_crops import VotedCrops
from pipeline.community.votes.agreement import (
    confusions,
    contributor_agreement,
    label_agreement,
    to_decide,
)
from pipeline.community.votes.decisions import Decision
from pipeline.community.votes.grouping import Colours, window_means
from pipeline.community.votes.neighbours import Layout, layout_of
from pipeline.community.votes.opinions import ModelsInUse
from pipeline.community.votes.vote_sheets import offenders_sheet, unsettled_sheet
from pipeline.community.votes.voting import VotingRules, VotingSources, count_votes
from pipeline.games.pack import GamePack
from pipeline.games.sections.community import CommunityRules
from pipeline.provenance import code_version_behind
from resources.artifacts import Artifact, Artifacts, ArtifactStore
from resources.contributions import Contributions

GROUP = "community"
MOST_ROWS = 50
RULES, TEXT_RULES = VotingRules(), TextVotingRules()


def vote_assets(pack: GamePack) -> list[dg.AssetsDefinition]:
    """What is believed of contributions; nothing for games without a community."""
    if pack.community is None:
        return []
    return [_voted_crops(pack), _text_corrections(pack, pack.community)]


def counted_contributions(
    instance: dg.DagsterInstance,
    store: ArtifactStore,
    keys: GameKeys,
    withdrawn: frozenset[str],
) -> tuple[Artifact, ...]:
    """What everybody has sent who was not withdrawn, by install; nothing before anybody has."""
    name = keys.contributors.name
    assert name is not None
    installs = sorted({*instance.get_dynamic_partitions(name)} - withdrawn)
    versions = (latest_version(instance, keys.staged_crops, install) for install in installs)
    return tuple(store.open(version) for version in versions if version)


def _counted(
    context: dg.AssetExecutionContext,
    store: ArtifactStore,
    keys: GameKeys,
    withdrawn: frozenset[str],
) -> tuple[Artifact, ...]:
    """The same, and a word in the log where it is nothing."""
    found = counted_contributions(context.instance, store, keys, withdrawn)
    if not found:
        context.log.info(
            "Nobody has sent anything that counts: turn on the sensor "
            f"{keys.game}_contribution_sensor; `outpost community list --game {keys.game}` shows "
            "who has sent something."
        )
    return found


def _voted_crops(pack: GamePack) -> dg.AssetsDefinition:
    keys = GameKeys.of(pack)
    code = code_version_behind(
        "pipeline.community.votes.voting", whole=("pipeline.community.votes.opinions",)
    )

    class VotedCropsConfig(LaunchpadConfig):
        """How votes are counted."""

        rule: Literal["reliability", "plain"] = Field(
            RULES.rule, description=VotingRules.model_fields["rule"].description
        )
        quorum: int = Field(
            RULES.quorum, ge=1, description=VotingRules.model_fields["quorum"].description
        )
        confidence: float = Field(
            RULES.confidence,
            gt=0,
            lt=1,
            description=VotingRules.model_fields["confidence"].description,
        )
        ask_classifier: bool = Field(
            True,
            description="Have the newest classifiers speak where votes are few; never alone.",
        )

    @dg.asset(
        key=keys.voted_crops,
        deps=[_everybody(keys)],
        group_name=GROUP,
        kinds={"png", "json"},
        code_version=code,
        description="Near duplicates of all contributors together, each group with the label that "
        "its votes come to, how sure that is, and whether it is believed.",
    )
    def voted_crops(
        context: dg.AssetExecutionContext,
        config: VotedCropsConfig,
        artifacts: Artifacts,
        contributions: Contributions,
    ) -> dg.MaterializeResult[Any]:
        rules = VotingRules(**config.model_dump(exclude={"ask_classifier"}))
        instance, store = context.instance, artifacts.store
        withdrawn = _withdrawn(contributions, pack)
        sent = _counted(context, store, keys, withdrawn)
        asks = config.ask_classifier and rules.rule != "plain"
        in_use = _classifiers(instance, store, keys) if asks else {}
        staged = [StagedCrops.open(artifact.path) for artifact in sent]
        images = {crop.sha256: one.image_of(crop) for one in staged for crop in one.content.crops}
        decided = contributions.decisions(pack.name).read().entries
        decisions = [decision for decision in decided if decision.sha256 in images]
        recipe = {
            "rules": rules.model_dump(mode="json"),
            "withdrawn": sorted(withdrawn),
            # Where one was made changes nothing of the votes.
            "decisions": [one.model_dump(mode="json", exclude={"batch"}) for one in decisions],
        }
        inputs = (*sent, *in_use.values())
        build = AssetBuild(context, store, keys.voted_crops, code, recipe, inputs)

        def write(folder: Path) -> None:
            models = {kind: ClassifierModel.open(one.path) for kind, one in in_use.items()}
            sources = VotingSources(
                partial(_windows, images),
                partial(_layout, images),
                decisions,
                ModelsInUse(models, images, build.report).opinions,
                build.report,
            )
            votes = count_votes([one.content for one in staged], rules, sources)
            VotedCrops.write(folder, votes, images)

        return build_asset(build, write, partial(_show_votes, game=keys.game, decisions=decisions))

    return voted_crops


def _text_corrections(pack: GamePack, community: CommunityRules) -> dg.AssetsDefinition:
    keys = GameKeys.of(pack)
    code = code_version_behind(
        "pipeline.community.text_votes", "pipeline.community.text_corrections"
    )

    class TextCorrectionsConfig(LaunchpadConfig):
        """When a correction is believed."""

        quorum: int = Field(
            TEXT_RULES.quorum, ge=1, description=TextVotingRules.model_fields["quorum"].description
        )

    @dg.asset(
        key=keys.text_corrections,
        deps=[_everybody(keys)],
        group_name=GROUP,
        kinds={"json"},
        code_version=code,
        description="What readings of texts are corrected to for everybody: where enough players "
        "correct one alike, never a valid text, never to one that is itself corrected.",
    )
    def text_corrections(
        context: dg.AssetExecutionContext,
        config: TextCorrectionsConfig,
        artifacts: Artifacts,
        contributions: Contributions,
    ) -> dg.MaterializeResult[Any]:
        rules, withdrawn = TextVotingRules(quorum=config.quorum), _withdrawn(contributions, pack)
        inputs = _counted(context, artifacts.store, keys, withdrawn)
        valid = community.text_slots
        recipe = {
            "rules": rules.model_dump(mode="json"),
            "valid": {slot: list(texts) for slot, texts in valid.items()},
            "withdrawn": sorted(withdrawn),
        }
        build = AssetBuild(context, artifacts.store, keys.text_corrections, code, recipe, inputs)

        def write(folder: Path) -> None:
            staged = [StagedCrops.open(artifact.path).content for artifact in inputs]
            TextCorrections.write(folder, count_text_votes(staged, valid, rules))

        return build_asset(build, write, _show_texts)

    return text_corrections


def _classifiers(
    instance: dg.DagsterInstance, store: ArtifactStore, keys: GameKeys
) -> dict[CropKind, Artifact]:
    """The newest classifiers, of which there may be none.

    They are made from votes, so that they cannot be upstream of them in the graph: votes are
    counted with the classifiers that earlier votes have made.
    """
    asked: dict[CropKind, dg.AssetKey] = {
        "icon": keys.icon_classifier,
        "screen": keys.screen_classifier,
    }
    versions = {kind: latest_version(instance, key) for kind, key in asked.items()}
    return {kind: store.open(version) for kind, version in versions.items() if version}


def _everybody(keys: GameKeys) -> dg.AssetDep:
    return dg.AssetDep(keys.staged_crops, partition_mapping=dg.AllPartitionMapping())


def _withdrawn(contributions: Contributions, pack: GamePack) -> frozenset[str]:
    return contributions.withdrawals(pack.name).read().installs


def _windows(images: Mapping[str, Path], digest: str) -> Colours:
    with Image.open(images[digest], formats=["PNG"]) as opened:
        return window_means(opened)


def _layout(images: Mapping[str, Path], digest: str) -> Layout:
    with Image.open(images[digest], formats=["PNG"]) as opened:
        return layout_of(opened)


def _show_votes(folder: Path, game: str, decisions: Sequence[Decision]) -> Metadata:
    voted = VotedCrops.open(folder)
    crops = voted.content.crops
    states = Counter((crop.kind, crop.status) for crop in crops)
    sheets = {
        "not settled": unsettled_sheet(voted),
        "least reliable contributors": offenders_sheet(voted),
    }
    people, unsettled = contributor_agreement(voted.content), to_decide(voted.content)
    return {
        "groups": len(crops),
        "images": sum(len(crop.members) for crop in crops),
        "accepted": sum(crop.status == "accepted" for crop in crops),
        "disputed": sum(crop.status == "disputed" for crop in crops),
        "tentative": sum(crop.status == "tentative" for crop in crops),
        "decisions": len(decisions),
        "contributors": len(people),
        "preview": [image(sheet, title) for title, sheet in sheets.items() if sheet],
        "states": table(
            ["kind", "state", "groups"],
            [[*state, count] for state, count in sorted(states.items())],
        ),
        "agreement_by_label": table(
            ["kind", "label", "accepted", "disputed", "tentative", "votes", "agree"],
            _first(
                [
                    *(row.kind, literal(row.label)),
                    *(row.groups[state] for state in ("accepted", "disputed", "tentative")),
                    *(row.votes, f"{row.agreement:.0%}"),
                ]
                for row in label_agreement(voted.content)
            ),
        ),
        "agreement_by_contributor": table(
            ["contributor", "votes", "agree", "reliability"],
            _first(
                [
                    *(row.contributor, row.votes, f"{row.agreed} of {row.judged}"),
                    "" if row.reliability is None else f"{row.reliability:.2f}",
                ]
                for row in people
            ),
        ),
        "confusions": table(
            ["label", "was called", "times"],
            _first(
                [literal(row.label), literal(row.called), row.times]
                for row in confusions(voted.content)
            ),
        ),
        "next_to_decide": f"outpost community disputes --game {game}" if unsettled else "nothing",
        "decided_in_cvat": sum(bool(decision.batch) for decision in decisions),
    }


def _show_texts(folder: Path) -> Metadata:
    readings = TextCorrections.open(folder).content.readings
    outcomes = Counter(one.outcome for one in readings)
    shown = sorted(readings, key=lambda one: (-sum(map(len, one.votes.values())), one.raw))
    return {
        "readings": len(readings),
        "corrected": outcomes["corrected"],
        "outcomes": table(["outcome", "readings"], sorted(outcomes.items())),
        "corrections": table(
            ["slot", "read", "corrected to", "votes"],
            _first(
                [one.slot, literal(one.raw), literal(one.text), len(one.votes[one.text])]
                for one in shown
                if one.outcome == "corrected"
            ),
        ),
        "not_corrected": table(
            ["slot", "read", "why not", "votes"],
            _first(
                [one.slot, literal(one.raw), one.outcome, _in_words(one.votes)]
                for one in shown
                if one.outcome not in ("corrected", "right as it is")
            ),
        ),
    }


def _first(rows: Iterable[Sequence[object]]) -> Iterator[Sequence[object]]:
    every = list(rows)
    return limited(every[:MOST_ROWS], len(every))


def _in_words(votes: Mapping[str, Sequence[str]]) -> str:
    return "; ".join(f"{len(who)}: {literal(text)}" for text, who in votes.items())
