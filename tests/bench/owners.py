"""What telling owners costs, and how often it is right in what the detector itself finds.

A bundle of the built-in game is opened twice, once without its owner head. Both look at the same
held-out screenshots, turn by turn, with thresholds at which about as many boxes count as asked
for; a share is the median of those of all rounds. Then each detection that found a true object
of its class is asked for its owner, which the built-in game knows.

Run with `python tests/bench/owners.py BUNDLE`, and with `ATEN_CPU_CAPABILITY=avx2
ONEDNN_MAX_CPU_ISA=AVX2` before it for processors without AVX-512. Of a plain image there is no
truth: of another game it is of no use.
"""

import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from detector_runtime.results import UNKNOWN_OWNER

from detector_runtime import Detector, DetectorSettings, Thresholds, open_detector
from pipeline.demo_game.renderer import FRAMES, Screenshot, screenshot
from pipeline.evaluation.detecting import scored_boxes
from pipeline.evaluation.matching import match_within_classes
from pipeline.evaluation.metrics.intervals import wilson
from pipeline.labels.boxes import LabelledBox

SESSION = "heldout"
WANTED_BOXES = (16, 60)
ROUNDS, TIMED = 12, 8
LEAST_SCORE = 0.001


def main(bundle: Path) -> None:
    shots = [screenshot(SESSION, number) for number in range(FRAMES)]
    for wanted in WANTED_BOXES:
        print(cost(bundle, shots[:TIMED], wanted), flush=True)
    print(accuracy(bundle, shots), flush=True)


def cost(bundle: Path, shots: Sequence[Screenshot], wanted: int) -> str:
    """Milliseconds of a look at the screenshots with the head and without it."""
    score = score_for(bundle, shots, wanted)
    told, plain = (detector_at(bundle, score) for _ in range(2))
    plain.model.facts = replace(plain.model.facts, owner_head=None)
    spent = np.array(
        [[seconds(each, shots) for each in (told, plain)] for _ in range(ROUNDS + 2)][2:]
    )
    boxes = float(np.mean([len(told.detect_fast(shot.image)) for shot in shots]))
    added = spent[:, 0] - spent[:, 1]
    share = np.median(added / spent[:, 1])
    return (
        f"{boxes:.0f} boxes: {1000 * np.median(spent[:, 1]):.2f} ms without the head, "
        f"{1000 * np.median(added):.2f} ms more with it ({share:.1%})"
    )


def seconds(detector: Detector, shots: Sequence[Screenshot]) -> float:
    """Of one look, on average."""
    started = time.perf_counter()
    for shot in shots:
        detector.detect_fast(shot.image)
    return (time.perf_counter() - started) / len(shots)


def score_for(bundle: Path, shots: Sequence[Screenshot], wanted: int) -> float:
    """The score that as many boxes of a screenshot have as wanted, on average."""
    found = detector_at(bundle, LEAST_SCORE)
    scores = np.concatenate([found.detect_fast(shot.image).scores for shot in shots])
    return float(np.sort(scores)[::-1][: wanted * len(shots)][-1])


def detector_at(bundle: Path, score: float) -> Detector:
    settings = DetectorSettings(thresholds=Thresholds(score), tracking="none", warn_truncated=False)
    return open_detector(bundle, settings=settings)


def accuracy(bundle: Path, shots: Sequence[Screenshot]) -> str:
    """How often the owner is right of what is found where it is, with its own thresholds."""
    detector = open_detector(bundle, settings=DetectorSettings(tracking="none"))
    pairs = [pair for shot in shots for pair in told_and_true(detector, shot)]
    named = [pair for pair in pairs if pair[1] != UNKNOWN_OWNER]
    lines = [
        share("likeliest owner is right", [likeliest == true for likeliest, _, true in pairs]),
        share("an owner is named", [pair in named for pair in pairs]),
        share("named owner is right", [told == true for _, told, true in named]),
        share(
            "  of players' things", [told == true for _, told, true in named if true != "nature"]
        ),
    ]
    return "\n".join(lines)


def told_and_true(detector: Detector, shot: Screenshot) -> list[tuple[str, str, str]]:
    """Likeliest, named and true owner of each true object that was found and shows its owner."""
    found = detector.detect_fast(shot.image)
    assert found.owner_probabilities is not None
    names = detector.class_names
    truths = [LabelledBox(names.index(seen.class_name), seen.box) for seen in shot.objects]
    return [
        (found.owner_names[found.owner_probabilities[d].argmax()], str(found.owners[d]), owner)
        for t, d in match_within_classes(truths, scored_boxes(found)).matches
        if (owner := shot.objects[t].owner) is not None
    ]


def share(what: str, right: Sequence[bool]) -> str:
    count, whole = sum(right), len(right)
    return f"{what}: {count / max(whole, 1):.3f} ({wilson(count, whole)}), of {whole}"


if __name__ == "__main__":
    main(Path(sys.argv[1]))
