"""`outpost audit`: the store and the folders outside it, brought together for the audit."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from importlib.metadata import version as installed_version
from pathlib import Path

from detector_runtime.bundle import MANIFEST_NAME, Bundle, BundleManifest
from detector_runtime.errors import BundleError

from pipeline.errors import OutpostError
from pipeline.files import replacing, write_text
from pipeline.games.files import Overlay
from pipeline.games.index import GameFile, GameFolderError, GameIndex, files_of, how_to_point_at
from pipeline.games.pack import GamePack, PackError, load_pack
from pipeline.labels.batches import ExportBatch
from pipeline.manifests import sha256_of
from pipeline.provenance import ArtifactVersion
from pipeline.release.lineage.audit import AuditReport, Findings, SourceCheck, audit
from pipeline.release.lineage.bill_of_materials import Subject, cyclonedx_of
from pipeline.release.package import BUNDLE_FOLDER
from resources.defaults import Resources
from resources.exports import Exports
from resources.game_files import GameFiles
from resources.run_log import reporter


class BillError(OutpostError):
    """A bill of materials that cannot be written."""


def audit_model(subject: Path, resources: Resources, pack: str | Path | None = None) -> AuditReport:
    """Audit a model against the artifact store, the game's folder and the exports folder.

    Args:
        subject: a model, a wheel, or the folder of a bundle or community model.
        pack: name or folder of the game's pack, which says where the game lies; None: the pack of
            the name that is in the records.

    Raises:
        AuditError: nothing can be audited there.
        PackError: the given pack cannot be read.
    """
    given = load_pack(pack) if pack is not None else None
    game, exports = resources.game, resources.exports
    sources: dict[str, SourceCheck] = {
        "game_files": lambda _version, artifact: compared_game_files(artifact, game, given),
        "cvat_export": lambda version, artifact: compared_export(version, artifact, exports),
        "staged_crops": lambda version, _artifact: withdrawn_since(version, resources),
    }
    return audit(subject.absolute(), resources.artifacts.store, sources, reporter())


def bill_of_materials(report: AuditReport, resources: Resources) -> str:
    """What an audit found, as a CycloneDX 1.6 document."""
    places = _bundles_near(report, resources)
    found = (bundle for place in places if (bundle := _read_bundle(place)) is not None)
    subject = Subject(report, next(found, None), installed_version("outpost"))
    return cyclonedx_of(subject, datetime.now(UTC).replace(microsecond=0))


def write_bill(file: Path, bill: str) -> None:
    """Write a bill of materials, the whole of it or nothing.

    Raises:
        BillError: it cannot be written.
    """
    try:
        with replacing(file) as fresh:
            write_text(fresh, bill)
    except OSError as error:
        raise BillError(
            f"{file} cannot be written: {error.strerror or error}.",
            "Give --bom the path of a file that you may write, or cyclonedx to print the bill.",
        ) from error


def _bundles_near(report: AuditReport, resources: Resources) -> Iterator[Path]:
    """Where the bundle of an audited model may be: what was given, else packages that hold it."""
    if report.subject.is_dir():
        yield from (report.subject, report.subject / BUNDLE_FOLDER)
    for link in report.chain:
        if link.version.kind == "runtime_package":
            yield resources.artifacts.store.files_of(link.version) / BUNDLE_FOLDER


def _read_bundle(folder: Path) -> BundleManifest | None:
    """None where none is, or one that is damaged, which the audit says."""
    with suppress(BundleError):
        return Bundle.load(folder).manifest if (folder / MANIFEST_NAME).is_file() else None
    return None


def compared_game_files(artifact: Path, files: GameFiles, given: GamePack | None) -> Findings:
    """Files of the game that are not what the index says.

    Where nobody knows the game's folder, or none is there, nothing differs: the findings say what
    to do instead.
    """
    index = GameIndex.open(artifact)
    try:
        pack = _pack_of(index.game, given)
        folder, players = _folder_of(pack, files), files.players(pack)
    except OutpostError as error:
        note = f"The files of {index.game} were not compared. {error.problem} {error.fix}"
        return Findings(notes=(note,))
    overlays = [mod for player in players for mod in player.mods]
    problems = (_changed(entry, folder, overlays) for entry in index.files)
    return Findings(problems=tuple(problem for problem in problems if problem is not None))


def _changed(entry: GameFile, folder: Path, overlays: Sequence[Overlay]) -> str | None:
    """What is wrong with a file of a game or of a mod; two players may have a mod of one name."""
    files = files_of(entry, folder, overlays)
    if not files:
        return f"{entry.path}: the mod {entry.mod} is not on this machine, or lacks it"
    problems = {str(file): _difference(file, entry.sha256) for file in files}
    if None in problems.values():
        return None
    return "; ".join(f"{file}: {problem}" for file, problem in problems.items())


def compared_export(version: ArtifactVersion, artifact: Path, exports: Exports) -> Findings:
    """The export that a batch was read from, if it is not what it was."""
    source = ExportBatch.open(artifact).source
    game = version.asset.partition("/")[0]
    try:
        export = exports.export(game, version.partition or "")
    except OutpostError as error:
        return Findings(problems=(error.problem,))
    if not export.differs_from(source.sha256):
        return Findings()
    return Findings(problems=(f"{export.place}: has other bytes than when it was read",))


def withdrawn_since(version: ArtifactVersion, resources: Resources) -> Findings:
    """A note where a contributor, on whose votes the model rests, was withdrawn afterwards."""
    game, install = version.asset.partition("/")[0], version.partition or ""
    entry = resources.contributions.withdrawals(game).read().of(install)
    if entry is None:
        return Findings()
    note = (
        f"The contributor {install} was withdrawn on {entry.date} ({entry.reason}), and this model "
        f"rests on what they sent. Run the job {game}_community, and promote what it publishes."
    )
    return Findings(notes=(note,))


def _pack_of(game: str, given: GamePack | None) -> GamePack:
    """The given pack, where it is that game's; else the one of that name."""
    if given is not None and given.name == game:
        return given
    try:
        return load_pack(game)
    except PackError as error:
        raise PackError(error.problem, "Give the folder of its pack with --pack.") from error


def _folder_of(pack: GamePack, files: GameFiles) -> Path:
    folder = files.located(pack)
    if folder.is_dir():
        return folder
    draw = "Materialize game_files, which draws the game again."
    raise GameFolderError(
        f"There is no folder {folder}.", draw if pack.drawn else how_to_point_at(pack)
    )


def _difference(file: Path, sha256: str) -> str | None:
    if not file.is_file():
        return "is missing"
    return None if sha256_of(file) == sha256 else "has other bytes than when it was indexed"
