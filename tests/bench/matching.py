"""How long naming an icon takes, and how often each step of the matching chain is right.

1,000 crops are named among 3,000 names: the 65 icons of the built-in game's inventory, with their
look-alikes and mirror images, and drawn ones in families that differ in the colour of a gem. Six
crops in ten are of the inventory, three of the drawn icons, one of icons that have no name. Those
of the inventory are cut out of its screens, with up to a thirtieth of their side too much or too
little at each edge: of all sizes and themes, with counts, cooldowns, highlights and tooltips over
them, blurred or compressed. The others are what a screen makes of an icon: 20 to 55 pixels wide,
darker or brighter, up to three pixels beside their place, noisy and compressed; three in ten with a
number over a corner, three in twenty with part of it shaded. Of 3 in 10 crops the perceptual hash
has been voted on, one vote in ten for a look-alike.

Times are processor time of all threads. They are taken with EfficientNet-B0 and 3,000 names as the
classifier, whose weights are as it was made: that changes no time, for it is asked where reference
icons are not sure. Accuracies are those of a small network that is trained here, for 15 seconds, on
100 of the names. `fitted_*` is what `classify.templates.SCORE_CONFIDENCE` comes to on 1,000
other crops, all of them made as those of the drawn icons: screens of the inventory are too easy to
tell apart what is nearly right. `*_calibration_error` is the expected difference between a step's
confidence and the share of its names that are right. `inventory_accuracy` is of the crops out of
screens alone. OpenCV is its `matchTemplate` in a loop over all references, at the same shifts.

Run with `outpost bench matching --json`; two minutes on one core.
"""

from __future__ import annotations

import io
import json
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count, islice, pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import onnx
import torch
from detector_runtime.classify.chain import COARSE_TRUST, IconMatch, MatchingChain
from detector_runtime.classify.classifier import Classifier
from detector_runtime.classify.confidence import Logistic, either
from detector_runtime.classify.hashes import perceptual_hash
from detector_runtime.classify.knowledge import KnownName
from detector_runtime.classify.templates import SHIFT, IconTemplates, as_icons
from detector_runtime.models.onnx import OnnxOptions
from PIL import Image
from torchvision.models import efficientnet_b0

from pipeline.demo_game.inventory.icon_catalogue import icon_catalogue, look_alikes
from pipeline.demo_game.inventory.screens import SCREENS, SLOT_FAMILIES, draw_screen

NAMES, CROPS, SIDE = 3_000, 1_000, 64
LEARNED, PER_NAME, ON_SCREENS, EPOCHS = 100, 10, 1_500, 12
VOTED, VOTED_WRONGLY = 0.3, 0.1
OPENCV_CROPS = 20
BINS = 10

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Seen:
    """A crop and what it shows; None has no name."""

    name: str | None
    image: Pixels


def measure() -> dict[str, float]:
    """Figures by name; a unit ends the name, ratios and shares have none."""
    torch.manual_seed(0)
    art = dict(_references())
    templates = IconTemplates.of(tuple(art), tuple(art.values()))
    on_screens = _screen_crops()
    first, second = _crops(art, None, seed=1), _crops(art, on_screens, seed=2)
    overrides = _overrides(second)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        small = Classifier.load(_small_network(folder / "small.onnx", art, on_screens))
        large = _efficientnet(folder / "large.onnx", tuple(art))
        classifier = Classifier.load(large, OnnxOptions(threads=1, spinning=False))
        return {
            **_times(MatchingChain(templates, classifier, overrides), second),
            **_opencv(art, templates, second),
            **_accuracies(MatchingChain(templates, small, overrides), second),
            **_fitted(templates, first),
        }


def _references() -> Iterator[tuple[str, Pixels]]:
    inventory = icon_catalogue()
    for icon in inventory:
        yield icon.name, _sized(icon.image[..., :3], SIDE)
    for number in range(NAMES - len(inventory)):
        yield f"drawn {number}", _drawn(number)


def _drawn(number: int) -> Pixels:
    """One of a family of five that differ in the colour of a gem."""
    shared = np.random.default_rng([number // 5, 5])
    ground = shared.uniform(0, 255, (6, 6, 3)).astype(np.uint8)
    icon = np.array(Image.fromarray(ground).resize((SIDE, SIDE), Image.Resampling.BICUBIC))
    for _ in range(4):
        x, y = shared.integers(4, 44, 2)
        width, height = shared.integers(6, 18, 2)
        icon[y : y + height, x : x + width] = shared.integers(0, 256, 3)
    x, y = shared.integers(8, 42, 2)
    hue = 36 * (number % 5) + int(shared.integers(30))
    colour = cv2.cvtColor(np.array([[[hue, 220, 200]]], np.uint8), cv2.COLOR_HSV2RGB)[0, 0]
    icon[y : y + 14, x : x + 14] = colour
    return icon


def _seen(icon: Pixels, rng: np.random.Generator) -> Pixels:
    """An icon as a screen shows it, cut out by somebody whose hand is not quite still."""
    moved = np.roll(icon, tuple(rng.integers(-SHIFT - 1, SHIFT + 2, 2)), (0, 1)).copy()
    if rng.random() < 0.3:
        cv2.putText(moved, str(rng.integers(2, 99)), (32, 60), 0, 0.7, (255, 255, 255), 2)
    if rng.random() < 0.15:
        moved[:, : int(rng.integers(16, 48))] //= 2
    small = _sized(moved, int(rng.integers(20, 56))) * rng.uniform(0.7, 1.15)
    noisy = small + rng.normal(0, 6, small.shape)
    stored = io.BytesIO()
    Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(
        stored, "JPEG", quality=int(rng.integers(60, 96))
    )
    return _sized(np.asarray(Image.open(stored).convert("RGB")), SIDE)


def _sized(image: Pixels, side: int) -> Pixels:
    whole = Image.fromarray(np.ascontiguousarray(image))
    return np.asarray(whole.resize((side, side), Image.Resampling.BILINEAR))


def _screen_crops() -> Iterator[Seen]:
    """Icons of one screen after the other, without end."""
    for seed in count():
        rng = np.random.default_rng([6, seed])
        screen = draw_screen(seed, tuple(SCREENS)[seed % len(SCREENS)])
        items = [item for item in screen.items if item.slot in SLOT_FAMILIES]
        for item in items:
            edges = np.array(item.box) + item.box.width * rng.uniform(-1, 1, 4) / 30
            height, width = screen.image.shape[:2]
            left, top, right, bottom = edges.clip(0, [width, height] * 2).round().astype(int)
            yield Seen(item.name, screen.image[top:bottom, left:right])


def _crops(art: dict[str, Pixels], on_screens: Iterator[Seen] | None, seed: int) -> list[Seen]:
    rng = np.random.default_rng([seed])
    inventory = [icon.name for icon in icon_catalogue()]
    drawn = [name for name in art if name.startswith("drawn")]
    crops = []
    for number in range(CROPS):
        if number % 10 == 9:
            crops.append(Seen(None, _seen(_drawn(NAMES + int(rng.integers(9_999))), rng)))
            continue
        if number % 10 < 6 and on_screens is not None:
            crops.append(next(on_screens))
            continue
        names = inventory if number % 10 < 6 else drawn
        name = names[int(rng.integers(len(names)))]
        crops.append(Seen(name, _seen(art[name], rng)))
    return crops


def _overrides(crops: Sequence[Seen]) -> dict[str, KnownName]:
    rng = np.random.default_rng([3])
    alike, voted = look_alikes(), {}
    for crop in crops:
        if crop.name is None or rng.random() > VOTED:
            continue
        wrong = alike.get(crop.name, ()) if rng.random() < VOTED_WRONGLY else ()
        name = wrong[0] if wrong else crop.name
        voted[_hash(crop)] = KnownName(name=name, votes=3, confidence=1 - VOTED_WRONGLY)
    return voted


def _hash(crop: Seen) -> str:
    return perceptual_hash(Image.fromarray(crop.image))


def _times(chain: MatchingChain, crops: Sequence[Seen]) -> dict[str, float]:
    images = [crop.image for crop in crops]
    chain.match(images[:64])
    whole = _milliseconds(lambda: chain.match(images)) / len(images)
    by_step: dict[str, list[Pixels]] = {}
    for image, answer in zip(images, chain.match(images), strict=True):
        by_step.setdefault(answer.step or "none", []).append(image)
    first, trusted = by_step["override"], either(1 - VOTED_WRONGLY, COARSE_TRUST)
    confirmed = [one for one in first if chain.match([one])[0].confidence == trusted]
    assert chain.classifier is not None
    classify = chain.classifier.classify
    one_by_one = _milliseconds(lambda: [chain.match([one]) for one in images[:200]]) / 200
    return {
        "icon_ms": whole,
        "icon_alone_ms": one_by_one,
        "first_step_ms": _milliseconds(lambda: chain.match(confirmed)) / len(confirmed),
        "first_step_alone_ms": _milliseconds(lambda: [chain.match([one]) for one in confirmed])
        / len(confirmed),
        "classifier_ms": _milliseconds(lambda: classify(images[:200])) / 200,
    }


def _opencv(
    art: dict[str, Pixels], templates: IconTemplates, crops: Sequence[Seen]
) -> dict[str, float]:
    """The plain loop: every reference at every shift, the best correlation wins."""
    cv2.setNumThreads(1)
    middles = {
        name: np.ascontiguousarray(image[SHIFT:-SHIFT, SHIFT:-SHIFT]) for name, image in art.items()
    }
    named = [crop for crop in crops if crop.name is not None][:OPENCV_CROPS]

    def best(image: Pixels) -> str:
        scores = {
            name: cv2.matchTemplate(image, middle, cv2.TM_CCOEFF_NORMED).max()
            for name, middle in middles.items()
        }
        return max(scores, key=lambda name: scores[name])

    found: list[str] = []
    theirs = _milliseconds(lambda: found.extend(best(_sized(crop.image, SIDE)) for crop in named))
    icons = as_icons([crop.image for crop in crops])
    ours = _milliseconds(lambda: templates.match(icons)) / len(icons)
    return {
        "template_ms": ours,
        "opencv_ms": theirs / len(named),
        "template_speedup_over_opencv": theirs / len(named) / ours,
        "opencv_accuracy": _share(
            name == crop.name for name, crop in zip(found, named, strict=True)
        ),
        "template_accuracy_on_the_same": _share(
            templates.match(as_icons([crop.image]))[0].names[0] == crop.name for crop in named
        ),
    }


def _accuracies(chain: MatchingChain, crops: Sequence[Seen]) -> dict[str, float]:
    images = [crop.image for crop in crops]
    answers = chain.match(images)
    named = [place for place, crop in enumerate(crops) if crop.name is not None]
    told = [(answer, crop) for answer, crop in zip(answers, crops, strict=True) if answer.name]
    voted = [
        (place, known) for place in named if (known := chain.overrides.get(_hash(crops[place])))
    ]
    wrong = [place for place, known in voted if known.name != crops[place].name]
    assert chain.templates is not None
    assert chain.classifier is not None
    by_template = chain.templates.match(as_icons(images))
    learned = [place for place in named if crops[place].name in chain.classifier.facts.classes]
    by_network = chain.classifier.classify([images[place] for place in learned])
    coarse = chain.templates.names
    nearest = chain.templates.nearest(as_icons(images))
    figures = {
        "coarse_accuracy": _share(
            coarse[nearest[place][0]] == crops[place].name for place in named
        ),
        "accuracy": _share(answers[place].name == crops[place].name for place in named),
        "inventory_accuracy": _share(
            answers[place].name == crops[place].name
            for place in named
            if not str(crops[place].name).startswith("drawn")
        ),
        "answered": _share(answers[place].name is not None for place in named),
        "accuracy_of_answers": _share(answer.name == crop.name for answer, crop in told),
        "strangers_named": _share(
            answer.name is not None
            for answer, crop in zip(answers, crops, strict=True)
            if crop.name is None
        ),
        "votes_accuracy": _share(known.name == crops[place].name for place, known in voted),
        "wrong_votes_undone": _share(answers[place].name == crops[place].name for place in wrong),
        "template_accuracy": _share(
            by_template[place].names[0] == crops[place].name for place in named
        ),
        "classifier_accuracy": _share(
            one.alternatives[0][0] == crops[place].name
            for one, place in zip(by_network, learned, strict=True)
        ),
    }
    for step in ("override", "template", "classifier"):
        these = [(answer, crop) for answer, crop in told if answer.step == step]
        figures[f"{step}_share"] = len(these) / len(crops)
        figures[f"{step}_answers_right"] = _share(one.name == crop.name for one, crop in these)
        figures[f"{step}_calibration_error"] = _calibration_error(these)
    figures["calibration_error"] = _calibration_error(told)
    return figures


def _calibration_error(told: Sequence[tuple[IconMatch, Seen]]) -> float:
    """Expected calibration error over bins of equal size (Pakdaman Naeini et al., AAAI 2015)."""
    ordered = sorted(told, key=lambda one: one[0].confidence)
    edges = np.linspace(0, len(ordered), BINS + 1).astype(int)
    parts = [ordered[low:high] for low, high in pairwise(edges) if high > low]
    apart = (
        abs(sum(answer.confidence - (answer.name == crop.name) for answer, crop in part))
        for part in parts
    )
    return sum(apart) / max(len(ordered), 1)


def _fitted(templates: IconTemplates, crops: Sequence[Seen]) -> dict[str, float]:
    """Of all references, and of few, among which no stranger resembles one by chance."""
    few = IconTemplates.of(
        [icon.name for icon in icon_catalogue()],
        [_sized(icon.image[..., :3], SIDE) for icon in icon_catalogue()],
    )
    icons = as_icons([crop.image for crop in crops])
    values, right = [], []
    for references in (templates, few):
        for found, crop in zip(references.match(icons), crops, strict=True):
            values.append((found.scores[0], found.lead))
            right.append(found.names[0] == crop.name)
    fit = Logistic.fit(np.array(values), np.array(right))
    return {
        "fitted_score": fit.weights[0],
        "fitted_lead": fit.weights[1],
        "fitted_bias": fit.bias,
    }


def _small_network(file: Path, art: dict[str, Pixels], on_screens: Iterator[Seen]) -> Path:
    """A network of four convolutions, trained on crops of the first names, on screens and not."""
    rng = np.random.default_rng([4])
    classes = tuple(art)[:LEARNED]
    shown = [(name, _seen(art[name], rng)) for name in classes for _ in range(PER_NAME)]
    shown += [(one.name or "", _sized(one.image, SIDE)) for one in islice(on_screens, ON_SCREENS)]
    labels = torch.tensor([classes.index(name) for name, _ in shown])
    images = torch.from_numpy(np.stack([image for _, image in shown]).transpose(0, 3, 1, 2))
    layers: list[torch.nn.Module] = []
    for given, made in pairwise((3, 24, 48, 96, 128)):
        layers += [
            torch.nn.Conv2d(given, made, 3, 2, 1),
            torch.nn.BatchNorm2d(made),
            torch.nn.ReLU(),
        ]
    features = torch.nn.Sequential(*layers, torch.nn.Flatten(), torch.nn.Linear(2048, 128))
    head = torch.nn.Sequential(torch.nn.ReLU(), torch.nn.Linear(128, len(classes)))
    steps = len(labels) // 64
    optimizer = torch.optim.AdamW([*features.parameters(), *head.parameters()], 2e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, EPOCHS * steps)
    for _ in range(EPOCHS):
        for rows in torch.randperm(len(labels))[: steps * 64].reshape(steps, 64):
            optimizer.zero_grad()
            answers = head(features(images[rows].float() / 255))
            loss = torch.nn.functional.cross_entropy(answers, labels[rows], label_smoothing=0.05)
            loss.backward()
            optimizer.step()
            schedule.step()
    return _export(file, features, head, classes)


def _efficientnet(file: Path, classes: Sequence[str]) -> Path:
    network = efficientnet_b0(num_classes=len(classes))
    features = torch.nn.Sequential(network.features, network.avgpool, torch.nn.Flatten())
    return _export(file, features, network.classifier, classes)


def _export(
    file: Path, features: torch.nn.Module, head: torch.nn.Module, classes: Sequence[str]
) -> Path:
    class Answering(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.features, self.head = features, head

        def forward(self, images: torch.Tensor) -> Any:
            found = self.features(images)
            length = found.norm(dim=1, keepdim=True).clamp(min=1e-12)
            return self.head(found).softmax(dim=1), found / length

    free = {name: {0: "n"} for name in ("images", "probabilities", "features")}
    torch.onnx.export(
        Answering().eval(),
        (torch.zeros(1, 3, SIDE, SIDE),),
        str(file),
        input_names=["images"],
        output_names=["probabilities", "features"],
        dynamic_axes=free,
        opset_version=17,
        dynamo=False,
    )
    model = onnx.load(str(file))
    facts = {"classes": json.dumps(list(classes)), "input_size": f"{SIDE},{SIDE}", "kind": "icon"}
    onnx.helper.set_model_props(model, {**facts, "min_confidence": "0.5"})
    onnx.save(model, str(file))
    return file


def _share(whether: Iterator[bool] | Any) -> float:
    values = list(whether)
    return sum(values) / max(len(values), 1)


def _milliseconds(work: Any) -> float:
    began = time.process_time()
    work()
    return (time.process_time() - began) * 1000
