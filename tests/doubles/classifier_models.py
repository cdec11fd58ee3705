"""Classifiers as artifacts that no training has made: they know names by mean colours."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

import numpy as np
from detector_runtime.classify.hashes import perceptual_hash
from doubles.classifiers import COLOURS, write_classifier
from doubles.icons import png_of
from PIL import Image

from pipeline.community.classifiers.answers import ask
from pipeline.community.classifiers.classifier_program.constants import ONNX_FILE, WEIGHTS_FILE
from pipeline.community.classifiers.dataset import RULES, read_images, select_images
from pipeline.community.classifiers.job import ClassifierKind, ClassifierSpec
from pipeline.community.classifiers.manifest import TrainingManifest
from pipeline.community.classifiers.model import (
    LABELS_FILE,
    MANIFEST_FILE,
    META_FILE,
    SCORES_FILE,
    CalibrationReport,
    ClassifierEvaluation,
    ClassifierMeta,
    ClassifierModel,
)
from pipeline.community.classifiers.scoring import score_answers
from pipeline.community.voted_crops import CropMember, VotedCrop, VotedCrops, Votes
from pipeline.files import write_json
from pipeline.jobs.program.constants import EVENTS_FILE, JOB_FILE

Colours = Mapping[str, tuple[float, float, float]]
PLAYERS = 8


def write_colour_votes(folder: Path, kind: ClassifierKind = "icon", seed: int = 0) -> VotedCrops:
    """Eight players have sent two noisy images of each colour, each in a group of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    source = folder.parent / f"{folder.name}_source"
    source.mkdir()
    rng = np.random.default_rng([seed])
    files, groups = {}, []
    for name, colour in COLOURS.items():
        for player in (f"player-{number}" for number in range(PLAYERS)):
            for _ in range(2):
                pixels = rng.normal(colour, 40, (64, 64, 3)).clip(0, 255).astype(np.uint8)
                image = Image.fromarray(pixels)
                content = png_of(image)
                digest = sha256(content).hexdigest()
                files[digest] = source / f"{digest}.png"
                files[digest].write_bytes(content)
                member = CropMember(
                    sha256=digest, phash=perceptual_hash(image), contributors=(player,)
                )
                groups.append(
                    VotedCrop(
                        kind=kind,
                        slot="icon" if kind == "icon" else "",
                        label=name,
                        status="accepted",
                        confidence=0.95,
                        votes={name: (player,)},
                        members=(member,),
                    )
                )
    groups.sort(key=lambda crop: (crop.kind, crop.label, crop.members[0].sha256))
    return VotedCrops.write(folder, Votes(crops=tuple(groups)), files)


def write_classifier_model(
    folder: Path, voted: VotedCrops, colours: Colours = COLOURS, kind: ClassifierKind = "icon"
) -> ClassifierModel:
    """The artifact of a classifier that knows these colours, judged on the votes as any other."""
    folder.mkdir(parents=True, exist_ok=True)
    changes = {"temperature": "1.0", "kind": kind}
    model = write_classifier(folder / ONNX_FILE, colours, changes=changes)
    spec = ClassifierSpec(
        game="demo",
        kind=kind,
        classes=tuple(colours),
        architecture="efficientnet_b0",
        input_side=64,
    )
    selection = select_images(voted, kind, RULES[kind])
    data = read_images(voted, kind, selection, 64)
    rows = data.rows("test")
    examples = [selection.examples[row] for row in rows]
    answers = ask(model, data.pixels[rows])
    scores = score_answers(answers, examples, data.is_new_group()[rows], Counter())
    sides = Counter(side for side in selection.split.subsets if side)
    pairs = list(zip(selection.examples, selection.split.subsets, strict=True))
    meta = ClassifierMeta(
        kind=kind,
        architecture=spec.architecture,
        input_side=64,
        names=len(colours),
        weights="scratch",
        contributors=PLAYERS,
        images={side: sides[side] for side in ("train", "validation", "test")},
        calibration=CalibrationReport(temperature=1, min_confidence=0.5, images=1, rule="none"),
        bytes={ONNX_FILE: model.stat().st_size, WEIGHTS_FILE: 0},
        notes=(),
    )
    manifest = TrainingManifest(
        images={one.sha256: one.label for one in selection.examples},
        trained=tuple(sorted(one.sha256 for one, side in pairs if side in ("train", "validation"))),
    )
    evaluation = ClassifierEvaluation(scores=scores, beside_previous=None)
    for name, record in ((META_FILE, meta), (MANIFEST_FILE, manifest), (SCORES_FILE, evaluation)):
        write_json(folder / name, record.model_dump(mode="json"))
    (folder / LABELS_FILE).write_text(
        json.dumps({str(index): name for index, name in enumerate(colours)})
    )
    (folder / JOB_FILE).write_text(spec.model_dump_json())
    for name in (WEIGHTS_FILE, EVENTS_FILE):
        (folder / name).write_bytes(b"")
    return ClassifierModel.open(folder)
