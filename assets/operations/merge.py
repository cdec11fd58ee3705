"""Looking ahead without doing anything: a merge, a game."""

from pathlib import Path

from assets.graph.annotations import dry_run
from pipeline.games.installed import CoverageReport, check_installed
from pipeline.games.pack import load_pack
from pipeline.labels.merge import MergeSummary
from resources.defaults import Resources
from resources.instance import open_instance


def planned_merge(resources: Resources, game: str | Path, oversample: int | None) -> MergeSummary:
    """The summary of the training set that the newest inputs would make; nothing is written."""
    pack = load_pack(game)
    changes = {} if oversample is None else {"oversample_real": oversample}
    rules = pack.merge.model_copy(update=changes)
    with open_instance(resources.state) as instance:
        return dry_run(instance, resources.artifacts.store, resources.exports, pack, rules)


def game_coverage(resources: Resources, game: str | Path, folder: Path | None) -> CoverageReport:
    """Which of a pack's classes an installed game has files for.

    Raises:
        GameFolderError: the game is not there, or was not found in its usual places.
    """
    pack, files = load_pack(game), resources.game
    return check_installed(pack, folder or files.located(pack), files.mod_choice(pack))
