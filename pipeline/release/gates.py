"""The gates of promotion: what must hold before everybody gets a version, each with its figure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from detector_runtime.bundle import Bundle
from detector_runtime.errors import DetectorError
from detector_runtime.released.kinds import ReleasedKind

from pipeline.errors import OutpostError
from pipeline.evaluation.comparison.paired import compare
from pipeline.evaluation.metrics.scores import EvaluationError
from pipeline.export.contract import check_onnx_contract
from pipeline.export.parity import MAX_BOX_PIXELS, MAX_SCORE_DIFFERENCE
from pipeline.release.bundle import MODEL_NAME
from pipeline.release.community.community_gates import (
    is_no_worse,
    keeps_contract,
    reaches_floors,
)
from pipeline.release.policies.policy_gates import beats_random, plays_what_it_says, wins_no_less
from pipeline.release.version import OpenVersion

REQUIRED_LINEAGE = (
    "cvat_merge",
    "trained_weights",
    "onnx_export",
    "real_evaluation",
    "runtime_package",
)
"""Assets without which nobody can tell where a model comes from."""
REQUIRED_POLICY_LINEAGE = ("recordings", "policies", "policy_evaluation", "policy_package")
"""The same of policies."""
REQUIRED_COMMUNITY_LINEAGE = (
    "voted_crops",
    "icon_classifier",
    "text_corrections",
    "community_model",
)
"""The same of a community model."""
LATENCY_ROUNDS = 3

_Questions = dict[str, tuple[Callable[[], tuple[bool, str]], str]]
"""What each gate asks, and what must hold, by its name."""


@dataclass(frozen=True)
class GateRules:
    """How strict the gates are.

    Attributes:
        margin: by how much the real micro-F1 may be below the champion's; of a community model the
            share of right answers, where the two were not compared on the same images.
        class_floor: the lowest F1 of any class with enough real objects to tell; of a community
            model the lowest share of right answers of any name.
        latency_factor: how many times the champion's milliseconds a version may take.
    """

    margin: float = 0.01
    class_floor: float = 0.2
    latency_factor: float = 1.5


@dataclass(frozen=True)
class Gate:
    """What one gate has found.

    Attributes:
        figure: what was measured, or why it could not be.
        limit: what it must be.
    """

    name: str
    passed: bool
    figure: str
    limit: str


def judge(
    candidate: OpenVersion, champion: OpenVersion | None, rules: GateRules
) -> tuple[Gate, ...]:
    """Put a version to every gate; what cannot be found out does not pass.

    Args:
        champion: what everybody has now; None for the first one.
    """
    gates = _GATES[candidate.manifest.kind](candidate, champion, rules)
    return tuple(_asked(name, question, limit) for name, (question, limit) in gates.items())


def _of_community_model(
    candidate: OpenVersion, champion: OpenVersion | None, rules: GateRules
) -> _Questions:
    return {
        "contract": (
            lambda: keeps_contract(candidate),
            "programs can use it, and its names are those of its manifest",
        ),
        "accuracy": (
            lambda: is_no_worse(candidate, champion, rules.margin),
            "better than the champion, or no worse and knows more names; without a comparison at "
            f"most {rules.margin:g} below",
        ),
        "class_floors": (
            lambda: reaches_floors(candidate, rules.class_floor),
            f"of each name with enough images at least {rules.class_floor:g} are right",
        ),
        "provenance": (
            lambda: _provenance(candidate, REQUIRED_COMMUNITY_LINEAGE),
            "all that it was made from is named",
        ),
    }


def _of_detector(
    candidate: OpenVersion, champion: OpenVersion | None, rules: GateRules
) -> _Questions:
    return {
        "contract": (
            lambda: _contract(candidate),
            "the model's rows and classes are those of its bundle",
        ),
        "parity": (
            lambda: _parity(candidate),
            f"boxes within {MAX_BOX_PIXELS} px, scores within {MAX_SCORE_DIFFERENCE}",
        ),
        "real_f1": (
            lambda: _real_f1(candidate, champion, rules.margin),
            f"at most {rules.margin:g} below the champion's",
        ),
        "class_floors": (
            lambda: _class_floors(candidate, rules.class_floor),
            f"F1 of each class with enough objects at least {rules.class_floor:g}",
        ),
        "latency": (
            lambda: _latency(candidate, champion, rules.latency_factor),
            f"at most {rules.latency_factor:g} times the champion's",
        ),
        "provenance": (
            lambda: _provenance(candidate, REQUIRED_LINEAGE),
            "all that it was made from is named",
        ),
    }


def _of_policies(
    candidate: OpenVersion, champion: OpenVersion | None, _rules: GateRules
) -> _Questions:
    return {
        "contract": (
            lambda: plays_what_it_says(candidate),
            "programs can play with it, and its game and goals are those of its manifest",
        ),
        "beats_random": (
            lambda: beats_random(candidate),
            "a return above a random player's, with certainty",
        ),
        "win_rate": (
            lambda: wins_no_less(candidate, champion),
            "not below the champion's with certainty, against the same opponent",
        ),
        "provenance": (
            lambda: _provenance(candidate, REQUIRED_POLICY_LINEAGE),
            "all that it was made from is named",
        ),
    }


_GATES: Mapping[
    ReleasedKind, Callable[[OpenVersion, OpenVersion | None, GateRules], _Questions]
] = {"detector": _of_detector, "community": _of_community_model, "policies": _of_policies}


def _asked(name: str, question: Callable[[], tuple[bool, str]], limit: str) -> Gate:
    try:
        passed, figure = question()
    except (OutpostError, DetectorError) as error:
        passed, figure = False, error.problem
    return Gate(name, passed, figure, limit)


def _contract(candidate: OpenVersion) -> tuple[bool, str]:
    bundle = Bundle.load(candidate.folder)
    bundle.open().close()  # compares the model's classes with the bundle's
    model = candidate.folder / bundle.manifest.model
    found = check_onnx_contract(model, candidate.manifest.classes)
    return True, f"{found.output_shape[1]} rows, {len(found.class_names)} classes"


def _parity(candidate: OpenVersion) -> tuple[bool, str]:
    found = candidate.parity()
    figure = (
        f"boxes within {found.max_box_pixels:g} px, scores within "
        f"{found.max_score_difference:g}, {found.unmatched} of {found.detections} alone"
    )
    return found.is_close, figure


def _real_f1(
    candidate: OpenVersion, champion: OpenVersion | None, margin: float
) -> tuple[bool, str]:
    new = candidate.report().real
    if new.micro.f1 is None:
        return False, "no real object to find"
    if champion is None:
        return True, f"{new.micro.f1:.3f} ({new.micro_f1_interval}), there is no champion yet"
    old = champion.report().real
    try:
        paired = compare(new, old).of_record
    except EvaluationError:
        old_f1 = old.micro.f1 or 0.0
        figure = f"{new.micro.f1:.3f} against {old_f1:.3f}, on other frames or labels"
        return new.micro.f1 >= old_f1 - margin, figure
    figure = (
        f"{paired.new:.3f} against {paired.old:.3f} on the same "
        f"{new.frames} frames: {paired.explanation}"
    )
    return paired.new >= paired.old - margin, figure


def _class_floors(candidate: OpenVersion, floor: float) -> tuple[bool, str]:
    judged = [one for one in candidate.report().real.per_class if one.enough_truths]
    if not judged:
        return True, "no class has enough real objects to tell"
    below = [one for one in judged if (one.score.f1 or 0.0) < floor]
    if below:
        return False, ", ".join(f"{one.name} {one.score.f1 or 0.0:.3f}" for one in below)
    lowest = min(judged, key=lambda one: one.score.f1 or 0.0)
    return True, f"lowest of {len(judged)}: {lowest.name} {lowest.score.f1 or 0.0:.3f}"


def _latency(
    candidate: OpenVersion, champion: OpenVersion | None, factor: float
) -> tuple[bool, str]:
    if champion is None:
        return True, f"{candidate.latency_ms():.1f} ms here, there is no champion yet"
    files = (candidate.manifest.files, champion.manifest.files)
    if files[0].get(MODEL_NAME) == files[1].get(MODEL_NAME):
        return True, "it is the champion's model"
    # In turn, and the best of each: whatever else this machine does makes both slower.
    pairs = [(candidate.latency_ms(), champion.latency_ms()) for _ in range(LATENCY_ROUNDS)]
    new, old = (min(times) for times in zip(*pairs, strict=True))
    return new <= old * factor, f"{new:.1f} ms against {old:.1f} ms here"


def _provenance(candidate: OpenVersion, required: Sequence[str]) -> tuple[bool, str]:
    lineage = candidate.manifest.lineage
    missing = list(_missing(lineage, required))
    if missing:
        return False, f"nothing is said of {', '.join(missing)}"
    signed = _signed(lineage, candidate.manifest.record_signers)
    return True, f"{len(lineage)} artifacts are named, {signed}"


def _signed(lineage: Mapping[str, str], signers: Mapping[str, str] | None) -> str:
    """Whether trusted keys have signed the records of a lineage, as whoever published it saw it."""
    if signers is None:
        return "it was not looked at whether their records are signed"
    unsigned = sorted(lineage.keys() - signers.keys())
    if unsigned:
        return f"of which no trusted key has signed the records of {', '.join(unsigned)}"
    return f"every record signed by {', '.join(sorted(set(signers.values())))}"


def _missing(lineage: dict[str, str], required: Sequence[str]) -> Iterator[str]:
    named = {asset.partition(" ")[0].rpartition("/")[2] for asset in lineage}
    return (asset for asset in required if asset not in named)
