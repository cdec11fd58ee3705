"""`outpost audit`: the store and the folders outside it, brought together for the audit."""

import json
from pathlib import Path

from assets.making import reporter
from pipeline.errors import OutpostError
from pipeline.games.index import GameIndex
from pipeline.games.pack import load_pack
from pipeline.manifests import sha256_of
from pipeline.progress import Report
from pipeline.provenance import ArtifactVersion
from pipeline.release.audit import AuditReport, audit
from resources.artifacts import Artifacts
from resources.exports import ExportsFolder
from resources.game_files import GameFiles
from resources.state import StateFolder


def audit_model(subject: Path, state: StateFolder) -> AuditReport:
    """Audit a model against this state folder, the game's folder and the exports folder."""
    store = Artifacts(folder=str(state.artifacts)).store
    report: Report = reporter(lambda _line: None)
    sources = {"game_files": changed_game_files, "cvat_export": changed_exports}
    return audit(subject.absolute(), store, sources, report)


def changed_game_files(_version: ArtifactVersion, artifact: Path) -> tuple[str, ...]:
    """Files of the game that are not what the index says."""
    index = GameIndex.model_validate_json((artifact / "index.json").read_text("utf-8"))
    try:
        folder = GameFiles().located(load_pack(index.game))
    except OutpostError as error:
        return (error.problem,)
    return tuple(
        f"{folder / entry.path}: {problem}"
        for entry in index.files
        if (problem := _difference(folder / entry.path, entry.sha256)) is not None
    )


def changed_exports(version: ArtifactVersion, artifact: Path) -> tuple[str, ...]:
    """The export that a batch was read from, if it is not what it was."""
    source = json.loads((artifact / "source.json").read_text("utf-8"))
    game = version.asset.partition("/")[0]
    try:
        export = ExportsFolder().export(game, version.partition or "")
    except OutpostError as error:
        return (error.problem,)
    if export.digest() == source["sha256"]:
        return ()
    return (f"{export.path}: has other bytes than when it was read",)


def _difference(file: Path, sha256: str) -> str | None:
    if not file.is_file():
        return "is missing"
    return None if sha256_of(file) == sha256 else "has other bytes than when it was indexed"
