"""Classifiers as artifacts that no training has made: they know names by mean colours."""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

import numpy as np
from detector_runtime.classify.hashes import perceptual_hash
from doubles.classifiers import COLOURS, write_classifier
from doubles.icons import SIDE, png_of
from PIL import Image

from pipeline.community.classifiers.classifier_program.constants import (
    CALIBRATION_FILE,
    ONNX_FILE,
    WEIGHTS_FILE,
)
from pipeline.community.classifiers.dataset import (
    RULES,
    ClassifierData,
    read_images,
    select_images,
)
from pipeline.community.classifiers.job import ClassifierKind, ClassifierSpec
from pipeline.community.classifiers.model import ClassifierModel
from pipeline.community.voted_crops import CropMember, VotedCrop, VotedCrops, Votes
from pipeline.jobs.program.constants import (
    ENVIRONMENT_FILE,
    EVENTS_FILE,
    JOB_FILE,
    OUTPUTS_FOLDER,
    PROGRAM_FILE,
)

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


def finished_job(
    folder: Path,
    data: ClassifierData,
    colours: Colours | None = None,
    kind: ClassifierKind = "icon",
) -> Path:
    """The folder of a job that has trained: its classifier knows names by their mean colours.

    Args:
        colours: names and their colours; None takes those of the images.
    """
    outputs = folder / OUTPUTS_FOLDER
    outputs.mkdir(parents=True)
    colours = colours or mean_colours(data)
    spec = ClassifierSpec(
        game="demo",
        kind=kind,
        classes=tuple(colours),
        architecture="efficientnet_b0",
        input_side=SIDE,
    )
    (folder / JOB_FILE).write_text(spec.model_dump_json(), "utf-8")
    (folder / PROGRAM_FILE).write_bytes(b"program")
    changes = {"temperature": "1.0", "kind": kind}
    write_classifier(outputs / ONNX_FILE, colours, changes=changes)
    (outputs / WEIGHTS_FILE).write_bytes(b"weights of no network")
    event = {"event": "epoch", "seconds": 1.0, "epoch": 1, "epochs": 1, "val_accuracy": 0.5}
    (outputs / EVENTS_FILE).write_text(json.dumps(event) + "\n", "utf-8")
    calibration = {"temperature": 1.0, "min_confidence": 0.5, "images": 30, "rule": "by hand"}
    (outputs / CALIBRATION_FILE).write_text(json.dumps(calibration), "utf-8")
    host = {"device": "CPU, 2 cores", "weights": "scratch"}
    (outputs / ENVIRONMENT_FILE).write_text(json.dumps(host), "utf-8")
    return folder


def mean_colours(data: ClassifierData) -> Colours:
    """Of the images of each name."""
    names = data.selection.classes
    means = [data.pixels[data.labels == index].mean(axis=(0, 1, 2)) for index in range(len(names))]
    return {name: tuple(map(float, mean)) for name, mean in zip(names, means, strict=True)}


def write_classifier_model(
    folder: Path, voted: VotedCrops, colours: Colours = COLOURS, kind: ClassifierKind = "icon"
) -> ClassifierModel:
    """The artifact of a classifier that knows these colours, judged on the votes as any other."""
    folder.mkdir(parents=True, exist_ok=True)
    data = read_images(voted, kind, select_images(voted, kind, RULES[kind]), SIDE)
    job = finished_job(folder.parent / f"{folder.name}_job", data, colours, kind)
    return ClassifierModel.write(folder, job, data)
