"""The audit: from a model file back to every file that it came from, each digest verified."""

from __future__ import annotations

import time
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from detector_runtime.classify.community_model import ICON_CLASSIFIER_FILE
from detector_runtime.policies.networks import FILES
from detector_runtime.updates.documents import KEYS_FILE, MANIFEST_FILE

from pipeline.errors import OutpostError
from pipeline.export.contract import lineage_of
from pipeline.export.onnx_export import MODEL_FILE
from pipeline.manifests import Manifest, manifest_of, problems_in, sha256_of
from pipeline.progress import Progress, Report, silent
from pipeline.provenance import ArtifactVersion, Provenance, asset_name
from pipeline.release.bundle import MODEL_NAME
from pipeline.release.lineage.signed_records import SignatureState, record_of_choice
from pipeline.release.lineage.training_job import TRAINED, TrainingJob
from pipeline.release.package import BUNDLE_FOLDER
from pipeline.release.version import MODEL_FOLDER
from pipeline.training.detector_program.constants import BEST_WEIGHTS

STAGE = "verifying"
MODELS = (
    MODEL_FILE,
    f"{BUNDLE_FOLDER}/{MODEL_NAME}",
    BEST_WEIGHTS,
    ICON_CLASSIFIER_FILE,
    f"{MODEL_FOLDER}/{ICON_CLASSIFIER_FILE}",
    FILES["strategist"],
    f"{MODEL_FOLDER}/{FILES['strategist']}",
)
"""Of an export or bundle, a runtime package, trained weights, a community model, its package,
policies, their package."""
SIGNED_DOCUMENTS = (MANIFEST_FILE, KEYS_FILE)
"""Written by who publishes; `detector_runtime.updates` verifies them."""
LEARNED_FROM = {"training_set": "cvat_merge", "voted_crops": "voted_crops"}
"""What a model says that it was trained on, and the asset whose version that is."""


class AuditError(OutpostError):
    """A file of which nothing can be audited."""


class Records(Protocol):
    """What the audit asks of the artifact store."""

    def versions_holding(self, *sha256: str) -> tuple[ArtifactVersion, ...]:
        """Versions that contain a file with one of these digests."""

    def listing_of(self, version: ArtifactVersion) -> Manifest:
        """The files that a version says it has."""

    def provenance_of(self, version: ArtifactVersion) -> tuple[Provenance, ...]:
        """How a version was made, oldest record first."""

    def problems_of(self, version: ArtifactVersion) -> tuple[str, ...]:
        """Files of a version that are not what its manifest says, by full digests, and records of
        it that were changed."""

    def signature_of(self, record: Provenance) -> SignatureState:
        """What the signature of a record is worth here."""

    def files_of(self, version: ArtifactVersion) -> Path:
        """The directory of a version."""


@dataclass(frozen=True)
class Findings:
    """What comparing an artifact with files outside the store has shown."""

    problems: tuple[str, ...] = ()
    """What differs."""
    notes: tuple[str, ...] = ()
    """What could not be compared, and what to do about it."""


SourceCheck = Callable[[ArtifactVersion, Path], Findings]
"""Compares what an artifact says of files outside the store with those files."""


@dataclass(frozen=True)
class AuditedVersion:
    """One link of the chain.

    Attributes:
        notes: what could not be compared, and what to do about it.
        signature: of the record; None where there is none.
        job: that made it, of weights; None of everything else, and where something differs.
    """

    version: ArtifactVersion
    provenance: Provenance | None
    problems: tuple[str, ...]
    notes: tuple[str, ...] = ()
    signature: SignatureState | None = None
    job: TrainingJob | None = None

    @property
    def signed_by(self) -> str | None:
        """The id of the key that the record names."""
        signature = self.provenance.signature if self.provenance else None
        return signature.key_id if signature else None

    @property
    def unverified(self) -> tuple[str, ...]:
        """Everything of it that nobody should take for proven although nothing differs."""
        if self.signature is SignatureState.UNSIGNED:
            return (*self.notes, f"{self.version}: its record is unsigned.")
        if self.signature is SignatureState.UNKNOWN_KEY:
            unknown = f"{self.version}: its record is signed by the unknown key {self.signed_by}."
            return (*self.notes, unknown)
        return self.notes


@dataclass(frozen=True)
class AuditReport:
    """The chain from a model to its sources, nearest first."""

    subject: Path
    subject_sha256: str
    chain: tuple[AuditedVersion, ...]
    problems: tuple[str, ...]
    notes: tuple[str, ...] = ()
    """What could not be verified, and what to do about it; artifacts of one reason together."""

    @property
    def is_clean(self) -> bool:
        """Whether nothing differs; see the notes for what could not be verified."""
        return not self.problems

    @property
    def is_verified(self) -> bool:
        """Whether nothing differs, and nothing is left that could not be verified."""
        return not self.problems and not self.unverified

    @property
    def unverified(self) -> tuple[str, ...]:
        """Everything that could not be verified, each thing by itself."""
        return tuple(text for link in self.chain for text in link.unverified)


def audit(
    subject: Path, records: Records, sources: Mapping[str, SourceCheck], report: Report = silent
) -> AuditReport:
    """Walk from a model, bundle or wheel to every input file and verify all digests.

    Args:
        subject: an ONNX or PyTorch file, a wheel, or the folder of a bundle, community model or
            policies; anywhere on disk. Of a folder every file must be as in the artifact that it
            copies.
        records: the artifact store.
        sources: by asset name (without the game), how to check the files outside the store that an
            artifact of that asset refers to.
        report: told after every artifact.

    Raises:
        AuditError: the file does not exist or is no kind of model.
    """
    file = _model_file(subject)
    digest = sha256_of(file)
    claims = embedded_lineage(file)
    if subject.is_dir():
        versions, differences = _origin_of_folder(subject, records)
    else:
        versions, differences = records.versions_holding(digest), ()
    if not versions:
        return AuditReport(subject, digest, (), _unknown_bytes(file, digest, claims))
    chain = tuple(_chain(versions, records, sources, report))
    problems = [*differences, *(problem for link in chain for problem in link.problems)]
    problems += _contradictions(claims, chain)
    notes = (*(note for link in chain for note in link.notes), *_notes_on_signatures(chain))
    # A folder of the store itself is met twice: as the subject and in the chain.
    return AuditReport(subject, digest, chain, tuple(dict.fromkeys(problems)), notes)


def embedded_lineage(file: Path) -> dict[str, str]:
    """What an ONNX file's metadata says of its origin; empty for other files."""
    if file.suffix != ".onnx":
        return {}
    import onnx

    try:
        model = onnx.load(str(file), load_external_data=False)
    except Exception as error:  # the protobuf parser raises types of its own
        raise AuditError(
            f"{file} is not a readable ONNX model: {error}",
            "Take an undamaged copy, or audit the bundle that it came with.",
        ) from error
    return lineage_of({item.key: item.value for item in model.metadata_props})


def _model_file(subject: Path) -> Path:
    """The file whose digest stands for what is audited."""
    if subject.is_dir():
        for name in MODELS:
            if (subject / name).is_file():
                return subject / name
        raise AuditError(
            f"The folder {subject} holds no {' and no '.join(MODELS)}.",
            "Give the path of a model file, a wheel, or the folder of a bundle, a community model, "
            "or policies.",
        )
    if not subject.is_file():
        raise AuditError(
            f"There is no file {subject}.", "Give the path of a model file, a wheel, or a bundle."
        )
    if subject.suffix == ".whl" and not zipfile.is_zipfile(subject):
        raise AuditError(f"{subject} is a damaged wheel.", "Build the runtime package again.")
    return subject


def _origin_of_folder(
    folder: Path, records: Records
) -> tuple[tuple[ArtifactVersion, ...], tuple[str, ...]]:
    """The artifact, or the folder within one, from which a folder differs least, and in what.

    A single file of it that is as it was is enough to know the artifact again.
    """
    listing = manifest_of(folder)
    held = records.versions_holding(*(entry.sha256 for entry in listing.files))
    origins = []
    for version in held:
        whole = records.listing_of(version)
        for part in _parts_like(listing, whole):
            added = _added_by_publishing(listing, part, whole)
            differences = tuple(
                f"{folder / item.path}: {item.problem}"
                for item in problems_in(folder, part)
                if item.path not in added
            )
            origins.append(((version,), differences))
    return min(origins, key=lambda origin: len(origin[1]), default=((), ()))


def _added_by_publishing(listing: Manifest, part: Manifest, whole: Manifest) -> set[str]:
    """Files of a published folder beside those of the part: signed documents, and other files of
    the artifact, as they were."""
    known, held = {one.path for one in part.files}, {one.sha256 for one in whole.files}
    return {
        one.path
        for one in listing.files
        if one.path not in known and (one.path in SIGNED_DOCUMENTS or one.sha256 in held)
    }


def _parts_like(listing: Manifest, whole: Manifest) -> Iterator[Manifest]:
    """The folders within an artifact that hold a listed file at its place."""
    places = {entry.sha256: entry.path for entry in listing.files}
    found = (
        entry.path.removesuffix(place)
        for entry in whole.files
        if (place := places.get(entry.sha256)) and f"/{entry.path}".endswith(f"/{place}")
    )
    for prefix in dict.fromkeys(found):
        yield Manifest(
            files=tuple(
                entry.model_copy(update={"path": entry.path.removeprefix(prefix)})
                for entry in whole.files
                if entry.path.startswith(prefix)
            )
        )


def _unknown_bytes(file: Path, digest: str, claims: Mapping[str, str]) -> tuple[str, ...]:
    said = ", ".join(f"{key}={value}" for key, value in sorted(claims.items()))
    tail = f" It says of itself: {said}." if said else " It carries no lineage of its own."
    return (
        f"{file}: these bytes (sha256 {digest[:12]}) are not in the artifact store: the file was "
        f"changed, or made elsewhere.{tail}",
    )


def _chain(
    holders: tuple[ArtifactVersion, ...],
    records: Records,
    sources: Mapping[str, SourceCheck],
    report: Report,
) -> Iterator[AuditedVersion]:
    began = time.monotonic()
    known = list(holders)
    report(Progress(STAGE, 0, len(known), 0.0))
    for done, version in enumerate(known, start=1):  # the list grows while it is walked
        link = _verified(version, records, sources)
        if link.provenance is not None:
            inputs = dict.fromkeys(link.provenance.recipe.inputs)
            known.extend(found for found in inputs if found not in known)
        yield link
        report(Progress(STAGE, done, len(known), time.monotonic() - began))


def _verified(
    version: ArtifactVersion, records: Records, sources: Mapping[str, SourceCheck]
) -> AuditedVersion:
    provenance = record_of_choice(records.provenance_of(version), records.signature_of)
    problems = records.problems_of(version)
    if provenance is None:
        problems += (f"{version}: no record says how it was made",)
    signature = records.signature_of(provenance) if provenance else None
    if provenance is None or problems:
        return AuditedVersion(version, provenance, problems, signature=signature)
    folder, check = records.files_of(version), sources.get(version.kind)
    findings = check(version, folder) if check else Findings()
    found, notes = findings.problems, findings.notes
    if version.kind not in TRAINED:
        return AuditedVersion(version, provenance, found, notes, signature)
    job = TrainingJob.of(folder, provenance)
    notes += _notes_on_job(version, job)
    return AuditedVersion(version, provenance, found, notes, signature, job)


def _notes_on_job(version: ArtifactVersion, job: TrainingJob | None) -> tuple[str, ...]:
    if job is None:
        return (f"{version}: its files do not say which job made it.",)
    missing = ", ".join(job.not_recorded)
    return (f"{version}: of its training {missing} was not recorded.",) if missing else ()


def _notes_on_signatures(chain: Sequence[AuditedVersion]) -> Iterator[str]:
    """One for all unsigned records, and one for each key that nobody trusts."""
    unsigned = [link for link in chain if link.signature is SignatureState.UNSIGNED]
    if unsigned:
        yield (
            f"{_records_of(unsigned)} unsigned: made before records were signed, or where no key "
            "could be kept. Anybody who can write the store may have changed them."
        )
    unknown = [link for link in chain if link.signature is SignatureState.UNKNOWN_KEY]
    for key in sorted({str(link.signed_by) for link in unknown}):
        links = [link for link in unknown if link.signed_by == key]
        yield (
            f"{_records_of(links)} signed by the key {key}, which is not trusted here. Where you "
            "know whose it is: `outpost artifacts keys trust` with the public key that "
            "`outpost artifacts keys list` shows there."
        )


def _records_of(links: Sequence[AuditedVersion]) -> str:
    named = ", ".join(asset_name(one.version.asset, one.version.partition) for one in links)
    return f"The record of {named} is" if len(links) == 1 else f"The records of {named} are"


def _contradictions(claims: Mapping[str, str], chain: tuple[AuditedVersion, ...]) -> list[str]:
    """Where the model's own words differ from the records."""
    held = {(link.version.kind, link.version.data_version) for link in chain}
    return [
        f"the model says that it was trained on {claims[claim][:12]}, which is not in its chain"
        for claim, asset in LEARNED_FROM.items()
        if claim in claims and (asset, claims[claim]) not in held
    ]
