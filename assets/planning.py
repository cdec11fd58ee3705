"""Looking ahead without doing anything: what a merge would hold."""

from pathlib import Path

from assets.annotations import dry_run
from pipeline.games.pack import load_pack
from pipeline.labels.merge import MergeSummary
from resources.artifacts import Artifacts
from resources.instance import open_instance
from resources.state import StateFolder


def planned_merge(state: StateFolder, game: str | Path, oversample: int | None) -> MergeSummary:
    """The summary of the training set that the newest inputs would make; nothing is written."""
    pack = load_pack(game)
    changes = {} if oversample is None else {"oversample_real": oversample}
    rules = pack.merge.model_copy(update=changes)
    with open_instance(state) as instance:
        return dry_run(instance, Artifacts().store, pack, rules)
