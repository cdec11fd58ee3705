"""What the tags that people gave to disputed images decide."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, field
from datetime import date

from pipeline.community.dispute_batches.dispute_batch import DisputeBatch, DisputedCrop
from pipeline.community.dispute_batches.settled_disputes import SettledCrop
from pipeline.community.dispute_batches.tag_labels import NO_NAME, tag_labels_of
from pipeline.community.staged_crops import CropKind
from pipeline.community.votes.decisions import Decision, decision_on
from pipeline.errors import OutpostError


class DisputeLabelsError(OutpostError):
    """Labels in the annotation tool that are not those any more that a batch was sent with."""


@dataclass(frozen=True)
class ImageTags:
    """The labels of one image in the annotation tool.

    Attributes:
        is_finished: whether every job with the image is completed.
        given: by people.
        preset: as they were sent, and nobody has touched them.
    """

    is_finished: bool
    given: tuple[str, ...] = ()
    preset: tuple[str, ...] = ()


@dataclass(frozen=True)
class Circumstances:
    """What is known of the images of a batch besides their tags.

    Attributes:
        batch: its name.
        task: where people have labelled, for those who ask later; names nobody.
        counting: digests of all images whose contributor counts.
        decisions: all that there are.
        known: names that an image may have, by its kind; without any of its kind, every name.
    """

    batch: str
    task: str
    counting: Set[str]
    decisions: Collection[Decision]
    known: Mapping[CropKind, Collection[str]] = field(default_factory=dict)

    def decision_on(self, crop: DisputedCrop) -> Decision | None:
        """The one that counts for a group."""
        return decision_on(crop.members, self.decisions)


def left_to_ask(batch: DisputeBatch, known: Circumstances) -> tuple[DisputedCrop, ...]:
    """Those that still are to be decided, and whose image counts."""
    return tuple(
        crop
        for crop in batch.crops
        if crop.sha256 in known.counting and known.decision_on(crop) is None
    )


def require_labels(batch: DisputeBatch, found: Iterable[str], where: str) -> None:
    """See that a tool has all labels that a batch was sent with.

    Args:
        where: an address, for people.

    Raises:
        DisputeLabelsError: one was renamed or removed, so what its tags mean is not known.
    """
    known, wanted = set(found), {*NO_NAME, *tag_labels_of(batch.names).values()}
    if missing := sorted(wanted - known):
        others = ", ".join(f"'{label}'" for label in sorted(known - wanted)[:5])
        instead = f"; there are {others} instead" if others else ""
        raise DisputeLabelsError(
            f"The label '{missing[0]}' of {where} was renamed or removed in CVAT{instead}.",
            f"Give it back its name, '{missing[0]}', or add a label of that name. Add another "
            "label for a name that is lacking, rather than renaming one. Then run `outpost cvat "
            "pull`.",
        )


def settle(
    batch: DisputeBatch, tags: Mapping[str, ImageTags], known: Circumstances
) -> tuple[SettledCrop, ...]:
    """What has become of each image of a batch.

    Args:
        tags: by the file name of the image, of those that are in the tool.
    """
    names = {label: name for name, label in tag_labels_of(batch.names).items()}
    return tuple(_settled(crop, tags.get(crop.image), names, known) for crop in batch.crops)


def decisions_of(
    settled: Iterable[SettledCrop], known: Circumstances, today: date
) -> Iterator[Decision]:
    """What is to be noted: nothing that is noted already, with whatever date."""
    noted = {one.sha256: one.label for one in known.decisions}
    for crop in settled:
        # One without a tag was decided before.
        if crop.outcome == "decided" and crop.tag and noted.get(crop.sha256) != crop.label:
            shown = f": {crop.tag}" if crop.tag in NO_NAME else ""
            yield Decision(
                sha256=crop.sha256,
                label=crop.label,
                date=today,
                reason=f"{known.task}{shown}",
                batch=known.batch,
            )


def _settled(
    crop: DisputedCrop, tags: ImageTags | None, names: Mapping[str, str], known: Circumstances
) -> SettledCrop:
    noted = known.decision_on(crop)
    if noted is not None and noted.batch != known.batch:
        return SettledCrop(sha256=crop.sha256, outcome="decided by hand", label=noted.label)
    if crop.sha256 not in known.counting:
        return SettledCrop(sha256=crop.sha256, outcome="withdrawn")
    found = _read(crop, tags, names, known)
    if found.outcome != "decided" and noted is not None:
        # A job that was opened again, or a tag that was removed, takes nothing back.
        return SettledCrop(sha256=crop.sha256, outcome="decided", label=noted.label)
    return found


def _read(
    crop: DisputedCrop, tags: ImageTags | None, names: Mapping[str, str], known: Circumstances
) -> SettledCrop:
    if tags is None:
        return SettledCrop(sha256=crop.sha256, outcome="not in CVAT")
    if not tags.is_finished:
        return SettledCrop(sha256=crop.sha256, outcome="not finished")
    # People who add the right tag need not remove the preset one.
    given = sorted(set(tags.given or tags.preset))
    if not given:
        return SettledCrop(sha256=crop.sha256, outcome="no tag")
    if len(given) > 1:
        return SettledCrop(sha256=crop.sha256, outcome="several tags", tag=", ".join(given))
    (tag,) = given
    name = "" if tag in NO_NAME else names.get(tag, tag)
    allowed = known.known.get(crop.kind)
    if name and allowed and name not in allowed:
        return SettledCrop(sha256=crop.sha256, outcome="no such name", tag=tag)
    return SettledCrop(
        sha256=crop.sha256, outcome="decided", label=name, tag=tag, as_voted=name == crop.label
    )
