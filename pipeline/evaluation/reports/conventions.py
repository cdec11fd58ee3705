"""One detector, one set of drawn images, both conventions of what a box is.

A visible box ends where something covers an object, a full box goes on behind it. A detector that
learned one of them is judged harder by the other, and so are two detectors that learned different
ones. Drawn images come with both boxes of every object, so both can be asked without a new
image or a new detection; `real_evaluation` does so each time. Real frames have the one convention
of their annotators: where the scores by the two differ much, and the real ones are low, the pack's
`labels.box` may not be what the annotators drew.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from pipeline.evaluation.frames import JudgedFrame
from pipeline.evaluation.metrics.scores import EvaluationError, Judgement, Scores, score_frames
from pipeline.evaluation.reports.report import BoxConvention
from pipeline.games.sections.scenes import LabelPolicy
from pipeline.labels.boxes import LabelledBox
from pipeline.scenes.dataset.reader import WrittenScene
from pipeline.scenes.dataset.synthetic_set import SyntheticSet
from pipeline.scenes.rendering.measuring import SceneObject, export, labels_of

CONVENTIONS: tuple[BoxConvention, BoxConvention] = ("visible", "full")


def labels_under(
    scene: WrittenScene, policy: LabelPolicy, class_names: Sequence[str]
) -> tuple[LabelledBox, ...]:
    """The labels that a policy makes of an image that was drawn and measured under any other.

    Args:
        scene: as its record says.
        policy: which box, and from which visible fraction and side on.
        class_names: in the order of their ids.
    """
    measured = [
        SceneObject(
            class_name=item.class_name,
            full=item.full,
            visible=item.visible,
            visible_fraction=item.visible_fraction,
            truncated_fraction=item.truncated_fraction,
            covered_by=(),
            player=None,
            sprite_id="",
            scale=item.scale,
        )
        for item in scene.objects
    ]
    return tuple(labels_of(export(measured, policy, class_names)))


def under_both(
    judged: Sequence[JudgedFrame],
    synthetic_set: SyntheticSet,
    policy: LabelPolicy,
    judgement: Judgement,
) -> Mapping[BoxConvention, Scores]:
    """Score detections on drawn images under each convention.

    Args:
        judged: images of the set with what a detector found; their own truths do not matter.
        synthetic_set: with the records of what was drawn.
        policy: what of it has a label; its box is what differs.
        judgement: classes and thresholds.

    Raises:
        EvaluationError: there is not an image, or one is not of that set.
        SceneSetError: a record cannot be read.
    """
    if not judged:
        raise EvaluationError("There is no drawn image to judge.", "Name images of the set.")
    scenes = {frame.name: _scene_of(frame, synthetic_set) for frame in judged}
    return {
        convention: score_frames(
            [
                replace(
                    frame,
                    truths=labels_under(
                        scenes[frame.name],
                        policy.model_copy(update={"box": convention}),
                        judgement.class_names,
                    ),
                )
                for frame in judged
            ],
            judgement,
        )
        for convention in CONVENTIONS
    }


def _scene_of(frame: JudgedFrame, synthetic_set: SyntheticSet) -> WrittenScene:
    name = Path(frame.name).stem
    scene = synthetic_set.scene_named(name)
    if scene is not None:
        return scene
    raise EvaluationError(
        f"{synthetic_set.folder} has no record of {name}.",
        "Name the synthetic set that the images come from.",
    )
