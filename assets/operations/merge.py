"""Looking ahead without doing anything: what a merge would hold, what a game offers."""

from pathlib import Path

from assets.graph.annotations import dry_run
from pipeline.games.installed import CoverageReport, check_installed
from pipeline.games.pack import load_pack
from pipeline.labels.merge import MergeSummary
from resources.artifacts import Artifacts
from resources.exports import ExportsFolder
from resources.game_files import GameFiles
from resources.instance import open_instance
from resources.state import StateFolder


def planned_merge(state: StateFolder, game: str | Path, oversample: int | None) -> MergeSummary:
    """The summary of the training set that the newest inputs would make; nothing is written."""
    pack = load_pack(game)
    changes = {} if oversample is None else {"oversample_real": oversample}
    rules = pack.merge.model_copy(update=changes)
    with open_instance(state) as instance:
        return dry_run(instance, Artifacts().store, ExportsFolder(), pack, rules)


def game_coverage(game: str | Path, folder: Path | None) -> CoverageReport:
    """Which of a pack's classes an installed game has files for.

    Raises:
        GameFolderError: the game is not there, or was not found in its usual places.
    """
    pack = load_pack(game)
    files = GameFiles()
    return check_installed(pack, folder or files.located(pack), files.mod_choice(pack))
