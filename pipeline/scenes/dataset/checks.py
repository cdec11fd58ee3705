"""What must hold of a written set before anything is trained on it.

The checks read the files, not the plans: what a trainer will see is what counts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pipeline.games.pack import GamePack
from pipeline.games.sections.base import Scene
from pipeline.games.sections.scenes import LabelPolicy
from pipeline.labels.formats.yolo import DECIMALS, LabelFileError, YoloRow, read_rows
from pipeline.scenes.dataset.reader import WrittenObject, WrittenScene
from pipeline.scenes.dataset.synthetic_set import SyntheticSet

VISIBLE_ROUNDING = 1e-4
"""By how much the record of an image may round a visible fraction."""
PLACES: dict[Scene, str] = {
    "land": "on its land",
    "water": "on its water",
    "shore": "where the two meet",
    "both": "anywhere",
}


@dataclass(frozen=True)
class Finding:
    """Something wrong with one image of a set (`train/synth_000012`)."""

    image: str
    problem: str

    def __str__(self) -> str:
        return f"{self.image}: {self.problem}"


def scene_separation_problems(synthetic: SyntheticSet, pack: GamePack) -> tuple[Finding, ...]:
    """Images that carry a label of a class which may not stand in their kind of scene.

    At the shore land classes stand on its land, water classes on its water, and classes of the
    shore where the two meet.

    A pack that turns gating off promises no separation, so its sets have no such problems.
    """
    if not pack.scenes.gated:
        return ()
    scene_of = [known.scene for known in sorted(pack.classes, key=lambda known: known.id)]
    return tuple(
        _finding(scene, f"a {scene.kind} scene with a label of {what}")
        for scene in synthetic.scenes()
        for what in (_misplaced_at_the_shore if scene.kind == "shore" else _misplaced)(
            scene, pack, scene_of
        )
    )


def _misplaced(scene: WrittenScene, pack: GamePack, scene_of: Sequence[Scene]) -> Iterator[str]:
    for row in _readable_rows(scene, pack):
        if scene_of[row.class_id] not in (scene.kind, "both"):
            yield f"'{pack.class_names[row.class_id]}'"


def _misplaced_at_the_shore(
    scene: WrittenScene, pack: GamePack, scene_of: Sequence[Scene]
) -> Iterator[str]:
    """The label's class is judged, on the ground of the object that it was made from."""
    kept = [item for item in scene.objects if item.dropped is None]
    for row, item in zip(_readable_rows(scene, pack), kept, strict=False):
        name, place = pack.class_names[row.class_id], scene_of[row.class_id]
        if scene.shore is None or item.footprint is None:
            yield f"'{name}' that does not say where it stands"
        elif not scene.shore.bears(item.footprint, place):
            yield f"'{name}' that does not stand {PLACES[place]}"


def label_problems(synthetic: SyntheticSet, pack: GamePack) -> tuple[Finding, ...]:
    """Labels that are unreadable, outside the image, too small, or not what was measured.

    So is what is plain to see without one, and a set without any label at all.
    """
    findings: list[Finding] = []
    labelled = False
    for scene in synthetic.scenes():
        findings += _problems_of(scene, pack)
        labelled |= any(item.dropped is None for item in scene.objects)
    if not labelled:
        findings.append(Finding("all images", "there is no label in the whole set"))
    return tuple(findings)


def _readable_rows(scene: WrittenScene, pack: GamePack) -> tuple[YoloRow, ...]:
    """A file that cannot be read is `label_problems`' to report."""
    try:
        return read_rows(scene.labels, len(pack.classes))
    except LabelFileError:
        return ()


def _problems_of(scene: WrittenScene, pack: GamePack) -> Iterator[Finding]:
    if not scene.image.is_file():
        yield _finding(scene, "the image is missing")
    try:
        rows = read_rows(scene.labels, len(pack.classes))
    except LabelFileError as error:
        yield _finding(scene, error.problem)
        return
    kept = [item for item in scene.objects if item.dropped is None]
    if len(rows) != len(kept):
        yield _finding(scene, f"{len(rows)} labels for {len(kept)} objects to be labelled")
        return
    for row, item in zip(rows, kept, strict=True):
        problem = _problem_of(row, item, scene, pack)
        if problem is not None:
            yield _finding(scene, problem)
    for item in scene.objects:
        if item.dropped is not None and _is_plain_to_see(item, pack.scenes.labels):
            yield _finding(
                scene, f"no label of '{item.class_name}', {item.visible_fraction:.0%} visible"
            )


def _is_plain_to_see(item: WrittenObject, policy: LabelPolicy) -> bool:
    """Whether the policy gives it a label, by more than what its record rounds."""
    box = item.visible if policy.box == "visible" else item.full
    if item.visible is None or box is None:
        return False
    large = min(box.width, box.height) >= policy.min_side
    return large and item.visible_fraction > policy.min_visible + VISIBLE_ROUNDING


def _problem_of(
    row: YoloRow, item: WrittenObject, scene: WrittenScene, pack: GamePack
) -> str | None:
    policy, name = pack.scenes.labels, pack.class_names[row.class_id]
    box = row.labelled_box(scene.width, scene.height).box
    # Pixels by which the decimals of a label file may move a side.
    slack = 2 * max(scene.width, scene.height) * 10.0**-DECIMALS
    if name != item.class_name:
        return f"a label of '{name}' where '{item.class_name}' was drawn"
    if min(box.width, box.height) < policy.min_side - slack:
        return f"a label of '{name}' with a side of {min(box.width, box.height):.1f} px"
    if item.visible_fraction < policy.min_visible - slack:
        return f"a label of '{name}' of which {item.visible_fraction:.0%} is visible"
    measured = item.visible if policy.box == "visible" else item.full
    if measured is None or max(abs(a - b) for a, b in zip(box, measured, strict=True)) > slack:
        return f"the label of '{name}' is not the box that was measured"
    return None


def _finding(scene: WrittenScene, problem: str) -> Finding:
    return Finding(f"{scene.subset}/{scene.name}", problem)
