"""Community models to publish: of classifiers that know names by mean colours."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from doubles.classifier_models import Colours, write_classifier_model, write_colour_votes
from doubles.classifiers import COLOURS

from pipeline.community.voted_crops import VotedCrops
from pipeline.release.community.evidence import PairedVerdict
from pipeline.release.community.known_names import known_names
from pipeline.release.community.new_version import NewCommunityVersion
from pipeline.release.community.package import CommunityPackage, CommunityParts
from pipeline.release.community.parts import compare_with_champion, evidence_of, part_of
from pipeline.release.gates import REQUIRED_COMMUNITY_LINEAGE

NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)


def community_version(
    folder: Path,
    colours: Colours = COLOURS,
    *,
    champion: Path | None = None,
    trained_at: datetime = NOON,
    withdrawn: str = "",
) -> NewCommunityVersion:
    """A version of the votes of always the same players.

    Args:
        champion: the folder of a version that it is compared with.
        withdrawn: one of these players, whose votes do not count.
    """
    voted: VotedCrops = write_colour_votes(folder / "voted")
    kept = tuple(crop for crop in voted.content.crops if withdrawn not in crop.contributors)
    voted = replace(voted, content=voted.content.model_copy(update={"crops": kept}))
    icons = write_classifier_model(folder / "icons", voted, colours)
    beside: PairedVerdict | None = None
    if champion is not None:
        beside = compare_with_champion(voted, icons, champion)
    parts = CommunityParts(
        name="demo-community",
        version=f"1.0.0+{folder.name}",
        icons=part_of(icons, trained_at),
        screens=None,
        corrections={"ship_type": {"F1eet": "Fleet"}},
        knowledge=known_names(voted.content.crops),
        lineage={"demo/community/voted_crops": "0" * 64},
    )
    (folder / "package").mkdir()
    package = CommunityPackage.write(folder / "package", parts, evidence_of(icons, beside))
    return NewCommunityVersion(
        package=package,
        lineage={f"demo/community/{one}": "0" * 64 for one in REQUIRED_COMMUNITY_LINEAGE},
        record_signers={},
        created_at=NOON,
    )
