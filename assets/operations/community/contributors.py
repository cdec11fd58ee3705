"""Who contributes to a game: looking at them, withdrawing one, restoring one."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg

from assets.core.building import latest_version
from assets.core.keys import GameKeys
from assets.graph.community.contributions import ContributorError, require_install
from pipeline.community.staged_crops import StagedCrops
from pipeline.community.withdrawn_installs import Withdrawal, WithdrawnInstalls
from pipeline.games.pack import GamePack, load_pack
from resources.defaults import Resources
from resources.instance import open_instance


@dataclass(frozen=True)
class ContributorRow:
    """One contributor, for people.

    Attributes:
        state: "counts", "not read yet" or "withdrawn".
        icons, texts, screens, refused: as they were last read; None before.
        reason: why the contributor was withdrawn, and since when; else the commonest reason for
            which something was refused, if any was.
    """

    install: str
    state: str
    icons: int | None = None
    texts: int | None = None
    screens: int | None = None
    refused: int | None = None
    reason: str = ""


def contributor_table(resources: Resources, game: str | Path) -> tuple[ContributorRow, ...]:
    """Everybody who has sent something, was read or was withdrawn, by install.

    Raises:
        ContributorError: the game has no community.
        ObjectStoreError: what was sent cannot be listed.
    """
    pack = community_pack(game)
    staged = resources.contributions.staging(pack.name).installs()
    withdrawn = resources.contributions.withdrawals(pack.name).read()
    with open_instance(resources.state) as instance:
        known = _partitions(instance, pack)
        every = {*map(str, staged.installs), *known, *withdrawn.installs}
        return tuple(_row(resources, pack, instance, one, withdrawn) for one in sorted(every))


def withdraw(resources: Resources, game: str | Path, install: str, reason: str) -> None:
    """Have a contributor count no longer in whatever is made from now on.

    Raises:
        ContributorError: nobody has that id, or there is no reason.
        WithdrawalError: it is withdrawn already.
        MaintainerListError: that cannot be noted.
    """
    pack = community_pack(game)
    require_install(install)
    with open_instance(resources.state) as instance:
        known = set(_partitions(instance, pack))
    known |= {str(one) for one in resources.contributions.staging(pack.name).installs().installs}
    if install not in known:
        raise ContributorError(
            f"No contributor to {pack.title} has the id {install}.",
            "`outpost community list` shows all that have sent something.",
        )
    if not reason.strip():
        raise ContributorError(
            "A contributor is withdrawn for a reason.",
            "Say it with --reason, for those who ask later.",
        )
    entry = Withdrawal(install=install, reason=reason.strip(), date=datetime.now(UTC).date())
    resources.contributions.withdrawals(pack.name).change(lambda known: known.withdrawn(entry))


def restore(resources: Resources, game: str | Path, install: str) -> None:
    """Have a withdrawn contributor count again.

    Raises:
        WithdrawalError: it is not withdrawn.
        MaintainerListError: that cannot be noted.
    """
    pack = community_pack(game)
    resources.contributions.withdrawals(pack.name).change(lambda known: known.restored(install))


def community_pack(game: str | Path) -> GamePack:
    """The pack of a game that has a community.

    Raises:
        ContributorError: it has none.
    """
    pack = load_pack(game)
    if pack.community is None:
        raise ContributorError(
            f"{pack.title} has no community: its pack says nothing of what players contribute.",
            "Write community.yaml in the game's pack.",
        )
    return pack


def _row(
    resources: Resources,
    pack: GamePack,
    instance: dg.DagsterInstance,
    install: str,
    withdrawn: WithdrawnInstalls,
) -> ContributorRow:
    version = latest_version(instance, GameKeys.of(pack).staged_crops, install)
    entry = withdrawn.of(install)
    if version is None:
        state, reason = ("withdrawn", _since(entry)) if entry else ("not read yet", "")
        return ContributorRow(install, state, reason=reason)
    content = StagedCrops.open(resources.artifacts.store.open(version).path).content
    kinds = [crop.kind for crop in content.crops]
    commonest = max(content.refused, key=content.refused.__getitem__, default="")
    return ContributorRow(
        install,
        "withdrawn" if entry else "counts",
        kinds.count("icon"),
        kinds.count("text"),
        kinds.count("screen"),
        sum(content.refused.values()),
        _since(entry) if entry else commonest,
    )


def _since(entry: Withdrawal) -> str:
    return f"{entry.reason} ({entry.date})"


def _partitions(instance: dg.DagsterInstance, pack: GamePack) -> Iterator[str]:
    contributors = GameKeys.of(pack).contributors
    return iter(contributors.get_partition_keys(dynamic_partitions_store=instance))
