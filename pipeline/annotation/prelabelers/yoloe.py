"""Boxes that YOLOE finds, an open-vocabulary detector that is shown what to look for.

Each class is shown as several of the game's own sprites. YOLOE makes a vector of each (SAVPE, its
encoder of visual prompts); their mean, brought to length 1, stands for the class. ultralytics
itself takes one image alone as reference (ultralytics PR 22091 and issue 25635). A class without
sprites can be described by its name, with a text model that ultralytics downloads.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from pipeline.annotation.prelabelers.sprite_prompts import SpritePrompt, prompts_of
from pipeline.annotation.prelabels import PrelabelError
from pipeline.evaluation.matching import ScoredBox
from pipeline.labels.boxes import Box
from pipeline.manifests import sha256_of
from pipeline.progress import Report, silent, track
from pipeline.sprites.library import OpenLibrary

SIDE = 640
"""Pixels of a prompt's canvas, and of the model's input."""
MOST_BOXES = 300
SHOWN_DIGITS = 12
DOWNLOAD = (
    "Download a YOLOE checkpoint, for example yoloe-26s-seg.pt, from "
    "https://github.com/ultralytics/assets/releases and give its path as yoloe_weights."
)


@dataclass(frozen=True)
class Prompting:
    """How a model is shown what to look for.

    Attributes:
        library: the game's sprites.
        class_names: of the game, in the order of their ids.
        sprites_per_class: at most so many of each.
        by_name: describe classes without sprites by their names; else they are left out.
    """

    library: OpenLibrary
    class_names: tuple[str, ...]
    sprites_per_class: int = 8
    by_name: bool = False


class YoloePrelabeler:
    """YOLOE with the game's sprites as prompts, on this machine's processor."""

    def __init__(
        self, weights: Path, prompting: Prompting, confidence: float, report: Report = silent
    ) -> None:
        """Load a checkpoint and show it every class; takes a second or so for each.

        Args:
            weights: a YOLOE checkpoint. It is unpickled, which runs what its author wrote: take it
                from ultralytics alone.
            prompting: how it is shown the classes.
            confidence: the lowest score that counts.
            report: told after every class.

        Raises:
            PrelabelError: the file is not there or is no YOLOE checkpoint; no class has a sprite;
                or the text model is asked for and not there.
        """
        self._model = _loaded(weights, online=prompting.by_name)
        self._confidence = confidence
        self._name = f"YOLOE {weights.name} {sha256_of(weights)[:SHOWN_DIGITS]}"
        self._ids, embeddings = _embeddings(self._model, prompting, report)
        names = prompting.class_names
        self._left_out = tuple(
            sorted(name for number, name in enumerate(names) if number not in self._ids)
        )
        self._model.set_classes([names[number] for number in self._ids], embeddings)

    @property
    def name(self) -> str:
        """The checkpoint's file and the first digits of its SHA-256."""
        return self._name

    @property
    def left_out_classes(self) -> tuple[str, ...]:
        """Classes that the model was not shown."""
        return self._left_out

    def find(self, image: Image.Image) -> tuple[ScoredBox, ...]:
        """See `Prelabeler`."""
        pixels = np.ascontiguousarray(np.asarray(image)[..., ::-1])
        options = {"conf": self._confidence, "imgsz": SIDE, "max_det": MOST_BOXES}
        boxes = self._model.predict(pixels, verbose=False, device="cpu", **options)[0].boxes
        rows = zip(boxes.cls.tolist(), boxes.conf.tolist(), boxes.xyxy.tolist(), strict=True)
        return tuple(
            ScoredBox(self._ids[int(number)], score, Box(*corners))
            for number, score, corners in rows
        )

    def close(self) -> None:
        """Free the model."""
        self._model = None


def mean_embedding(embeddings: Any) -> Any:
    """The direction between several, float32 [count, size] of length 1 to [size] of length 1.

    Each of them counts alike, as they are of one length.
    """
    import torch

    return torch.nn.functional.normalize(embeddings.mean(dim=0), dim=-1)


def _loaded(weights: Path, *, online: bool) -> Any:
    if not weights.is_file():
        raise PrelabelError(f"There is no YOLOE checkpoint at {weights}.", DOWNLOAD)
    # Before the import: ultralytics installs packages and asks its server otherwise.
    os.environ.setdefault("YOLO_AUTOINSTALL", "false")
    if not online:
        os.environ.setdefault("YOLO_OFFLINE", "true")
    from ultralytics import YOLOE
    from ultralytics.nn.tasks import YOLOEModel

    try:
        model = YOLOE(str(weights))
    except Exception as error:
        # Unpickling and ultralytics raise whatever a strange file makes them trip over.
        raise PrelabelError(f"{weights} is no YOLOE checkpoint ({error}).", DOWNLOAD) from error
    if not isinstance(model.model, YOLOEModel) or hasattr(model.model.model[-1], "lrpc"):
        raise PrelabelError(f"{weights} is a model that takes no prompts.", DOWNLOAD)
    model.model.float().eval()
    return model


def _embeddings(model: Any, prompting: Prompting, report: Report) -> tuple[tuple[int, ...], Any]:
    """Class ids, and a vector for each: float32 [1, classes, size]."""
    import torch

    names = prompting.class_names
    shown: dict[int, Any] = {}
    for number, name in track(enumerate(names), len(names), "showing sprites to YOLOE", report):
        prompts = list(prompts_of(prompting.library, name, prompting.sprites_per_class, SIDE))
        if prompts:
            shown[number] = mean_embedding(torch.cat(list(_visual(model, prompts))))
    if prompting.by_name:
        unseen = [number for number in range(len(names)) if number not in shown]
        vectors = _described(model, [names[number] for number in unseen])
        shown |= dict(zip(unseen, vectors, strict=True))
    if not shown:
        raise PrelabelError(
            "No class of this game has a sprite that YOLOE could be shown.",
            "Materialize sprites, or set text_prompts to have classes described by their names.",
        )
    ids = tuple(sorted(shown))
    return ids, torch.stack([shown[number] for number in ids])[None]


def _visual(model: Any, prompts: Sequence[SpritePrompt]) -> Iterator[Any]:
    """A vector of each prompt, float32 [1, size] of length 1."""
    import torch
    from ultralytics.data.augment import LoadVisualPrompt

    for prompt in prompts:
        pixels = torch.from_numpy(prompt.pixels.copy()).permute(2, 0, 1)[None].float() / 255
        boxes = np.array([prompt.box], dtype=np.float32)
        mask = LoadVisualPrompt().get_visuals(np.zeros(1, np.int32), (SIDE, SIDE), boxes)
        yield model.get_visual_pe(pixels, mask[None])[0].clone()


def _described(model: Any, names: Sequence[str]) -> list[Any]:
    """A vector of each name, by the text model."""
    if not names:
        return []
    if importlib.util.find_spec("clip") is None:
        raise PrelabelError(
            f"{len(names)} classes have no sprites, and describing them by their names takes a "
            "text model whose package `clip` is not installed.",
            "Run `uv pip install git+https://github.com/ultralytics/CLIP.git` once, or set "
            "text_prompts to false: classes without sprites are then left out.",
        )
    texts = [name.replace("_", " ") for name in names]
    try:
        vectors = model.get_text_pe(texts)
    except Exception as error:
        # Downloads and TorchScript raise whatever went wrong with them.
        raise PrelabelError(
            f"The text model cannot be loaded ({error}).",
            "Connect to the internet once, so that ultralytics can download it, or set "
            "text_prompts to false: classes without sprites are then left out.",
        ) from error
    return list(vectors[0])
