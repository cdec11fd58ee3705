"""What votes have not settled: to look at, and to decide."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from difflib import get_close_matches
from pathlib import Path

from pydantic import ValidationError

from assets.core.building import latest
from assets.core.keys import GameKeys
from assets.operations.community.contributors import community_pack
from pipeline.community.voted_crops import VotedCrop, VotedCrops
from pipeline.community.votes.decisions import Decision, DecisionError
from pipeline.community.votes.disputes import image_of, read_labels, write_disputes
from pipeline.games.sections.community import CommunityRules
from resources.defaults import Resources
from resources.instance import open_instance


def disputes(
    resources: Resources, game: str | Path, folder: Path | None, most: int
) -> tuple[Path, int]:
    """Write what is not settled into a folder; by default one below the state folder.

    Returns:
        The folder, and how many images it holds; with none it was not made.

    Raises:
        ContributorError: the game has no community.
        NotMaterializedError: nothing has been voted on.
        DecisionError: the folder holds something already.
    """
    pack = community_pack(game)
    target = folder or resources.state.community_to_decide(pack.name)
    written = write_disputes(target, _voted(resources, GameKeys.of(pack)), most)
    return target, len(written)


def decide(
    resources: Resources, game: str | Path, labels: Mapping[str, str], reason: str = ""
) -> int:
    """Note what images show, for the next counting of votes.

    Args:
        labels: what an image shows, empty for nothing, by its digest or the first digits of it.

    Returns:
        How many decisions were noted.

    Raises:
        DecisionError: there is no such image or no such label, or a text is too long; nothing is
            noted then.
        MaintainerListError: the decisions cannot be noted.
    """
    pack = community_pack(game)
    assert pack.community is not None
    crops = _voted(resources, GameKeys.of(pack)).content.crops
    today, decisions = datetime.now(UTC).date(), list[Decision]()
    for digits, label in labels.items():
        digest, crop = image_of(digits, crops)
        _require_label(label, crop, pack.community)
        decisions.append(_decision(digest, label, today, reason))
    resources.contributions.decisions(pack.name).change(lambda known: known.including(decisions))
    return len(decisions)


def decide_by_file(resources: Resources, game: str | Path, file: Path, reason: str = "") -> int:
    """Note the labels that a person has written into `disputes.yaml`; see `decide`."""
    return decide(resources, game, read_labels(file), reason)


def _voted(resources: Resources, keys: GameKeys) -> VotedCrops:
    with open_instance(resources.state) as instance:
        artifact = latest(instance, resources.artifacts.store, keys.voted_crops)
    return VotedCrops.open(artifact.path)


def _decision(digest: str, label: str, today: date, reason: str) -> Decision:
    try:
        return Decision(sha256=digest, label=label, date=today, reason=reason)
    except ValidationError as error:
        first = error.errors()[0]
        raise DecisionError(
            f"What is said of {digest[:12]} cannot be noted: {first['loc'][0]}: {first['msg']}.",
            "Say it in fewer letters.",
        ) from error


def _require_label(label: str, crop: VotedCrop, rules: CommunityRules) -> None:
    known = rules.screen_types if crop.kind == "screen" else rules.icons
    if not label or not known or label in known:
        return
    near = get_close_matches(label, known, n=3) or sorted(known)[:3]
    raise DecisionError(
        f"No {crop.kind} is called '{label}'.",
        f"Take a name of the pack's community.yaml, perhaps {' or '.join(near)}.",
    )
