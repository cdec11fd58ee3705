"""The kinds of models that a game may have published: their names, assets and figures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from detector_runtime.released.kinds import DETECTOR, KINDS, ReleasedKind, kind_at

from pipeline.games.pack import GamePack, PackError, load_pack
from pipeline.play.recordings.events import GAME
from pipeline.release.community.new_version import COMMUNITY_SUFFIX
from pipeline.release.policies.policy_version import POLICIES_SUFFIX
from pipeline.release.version import MODEL_FOLDER


@dataclass(frozen=True)
class PublishedKind:
    """A kind of models, each published under a name and with keys of its own.

    Attributes:
        kind: as documents call it.
        suffix: what the name of a game's models of this kind has after the game's.
        asset: that publishes them.
        figure: what the figure of a version is called.
        why_none: why a game has none; None where it may have some.
    """

    kind: ReleasedKind
    suffix: str
    asset: str
    figure: str
    why_none: Callable[[GamePack], PackError | None]

    @property
    def called(self) -> str:
        """For messages: a community model."""
        return KINDS[self.kind].called


def _why_no_community(pack: GamePack) -> PackError | None:
    if pack.community is not None:
        return None
    return PackError(
        f"The pack '{pack.name}' says nothing of what players label.",
        f"Add a community.yaml to its folder, or leave out {COMMUNITY_SUFFIX}.",
    )


def _why_no_policies(pack: GamePack) -> PackError | None:
    if pack.name == GAME:
        return None
    return PackError(
        f"'{pack.name}' is not played here, so that it has no policies.",
        f"Name {GAME}{POLICIES_SUFFIX}, or leave out {POLICIES_SUFFIX}.",
    )


PUBLISHED_KINDS = (
    PublishedKind(
        "community", COMMUNITY_SUFFIX, "published_community_model", "accuracy", _why_no_community
    ),
    PublishedKind("policies", POLICIES_SUFFIX, "published_policies", "win rate", _why_no_policies),
    PublishedKind("detector", "", "published_model", "real F1", lambda _pack: None),
)
"""The one without a suffix comes last."""


def kind_of(model: str) -> PublishedKind:
    """Of what kind the models of a name are."""
    return next(kind for kind in PUBLISHED_KINDS if model.endswith(kind.suffix))


def model_of(game: str) -> str:
    """The name of models by what a person has typed.

    Args:
        game: a pack, or its name with the suffix of a kind after it.

    Raises:
        PackError: there is no such pack, or it has no such models.
    """
    kind = kind_of(game)
    base = game.removesuffix(kind.suffix)
    try:
        return load_pack(game).name
    except PackError:
        if base == game:
            raise
    pack = load_pack(base)
    problem = kind.why_none(pack)
    if problem is not None:
        raise problem
    return f"{pack.name}{kind.suffix}"


def other_than_detector(game: str, path: Path | None) -> PublishedKind | None:
    """What a command for detectors alone was given instead; None for a detector.

    Args:
        game: as typed.
        path: of a model, or of its package.
    """
    found = {kind_of(game).kind}
    if path is not None:
        found |= {kind_at(place).name for place in (path, path / MODEL_FOLDER)}
    others = (kind for kind in PUBLISHED_KINDS if kind.kind != DETECTOR.name)
    return next((kind for kind in others if kind.kind in found), None)
