"""What a network starts from: an earlier classifier, weights of ImageNet, or nothing."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pipeline.jobs.program.constants import WORK_FOLDER
from pipeline.jobs.program.outputs import Outputs

from .constants import ARCHITECTURE_KEY, CLASSES_KEY, FACTS_KEY, PREVIOUS_FILE
from .networks import HEAD_DEVIATION, build_network, head_of, torchvision_models

Origin = Literal["previous", "imagenet", "scratch"]
DOWNLOAD_SECONDS = 20
"""Without an answer for so long, there is no way to the weights from this host."""


@dataclass(frozen=True)
class Start:
    """A network before its training.

    Attributes:
        origin: where its weights are from.
        kept: names whose row of the last layer came along.
    """

    network: Any
    origin: Origin
    kept: int = 0

    @property
    def has_features(self) -> bool:
        """Whether its layers already tell images apart."""
        return self.origin != "scratch"


def start_network(job: dict[str, Any], folder: Path, outputs: Outputs) -> Start:
    """The network to train, and a message that says what it starts from."""
    import torch

    torch.manual_seed(job["hyperparameters"]["seed"])
    network = build_network(job["architecture"], len(job["classes"]))
    start = from_previous(network, job, folder / PREVIOUS_FILE, outputs)
    if start is None and job["pretrained"]:
        start = from_imagenet(network, job["architecture"], folder / WORK_FOLDER, outputs)
    if start is None:
        outputs.event("message", message="Training from scratch: all weights are new")
        return Start(network, "scratch")
    return start


def from_previous(network: Any, job: dict[str, Any], file: Path, outputs: Outputs) -> Start | None:
    """Layers of an earlier classifier, and its rows for names that there still are."""
    if not file.is_file():
        return None
    from safetensors import safe_open

    with safe_open(file, "pt") as opened:
        facts = facts_of(opened.metadata() or {})
        tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
    if facts.get(ARCHITECTURE_KEY) != job["architecture"]:
        outputs.event(
            "message",
            message=f"The previous classifier is a {facts.get(ARCHITECTURE_KEY)}, not a "
            f"{job['architecture']}: its weights are not used",
        )
        return None
    rows = take_over(network, tensors, facts[CLASSES_KEY], job["classes"])
    new = len(job["classes"]) - rows
    message = f"Fine-tuning the previous classifier: {rows} names are kept, {new} are new"
    outputs.event("message", message=message)
    return Start(network, "previous", rows)


def facts_of(metadata: Mapping[str, str]) -> dict[str, Any]:
    """Architecture and names of weights, of which earlier versions wrote a text each; empty for a
    file that says neither."""
    if FACTS_KEY in metadata:
        return dict(json.loads(metadata[FACTS_KEY]))
    classes = json.loads(metadata.get(CLASSES_KEY, "[]"))
    return {**metadata, CLASSES_KEY: classes}


def take_over(
    network: Any, tensors: dict[str, Any], before: Sequence[str], classes: Sequence[str]
) -> int:
    """Copy tensors into a network; of the last layer the rows of names that both have.

    Args:
        tensors: of a network of the same architecture, by their names there.
        before, classes: names in the order of the rows, there and here.

    Returns:
        How many names both have.
    """
    import torch

    head = head_of(network)
    last = f"classifier.{len(network.classifier) - 1}"
    weight, bias = (tensors.pop(f"{last}.{part}") for part in ("weight", "bias"))
    network.load_state_dict(tensors, strict=False)
    place = {name: row for row, name in enumerate(before)}
    pairs = [(row, place[name]) for row, name in enumerate(classes) if name in place]
    with torch.no_grad():
        head.weight.normal_(0, HEAD_DEVIATION)
        # A new name begins as likely as the others are on average.
        head.bias.fill_(float(bias.mean()))
        for here, there in pairs:
            head.weight[here], head.bias[here] = weight[there], bias[there]
    return len(pairs)


def from_imagenet(network: Any, architecture: str, work: Path, outputs: Outputs) -> Start | None:
    """Layers that torchvision offers, where they can be had.

    They are read as plain tensors: torch runs no code that a file may hold (`weights_only`).
    """
    os.environ["TORCH_HOME"] = str(work / "torch")
    weights = torchvision_models().get_model_weights(architecture).DEFAULT
    waited = socket.getdefaulttimeout()
    socket.setdefaulttimeout(DOWNLOAD_SECONDS)
    try:
        tensors = weights.get_state_dict(progress=False, check_hash=True, weights_only=True)
    except (OSError, RuntimeError, ValueError) as error:
        message = f"No weights of ImageNet ({type(error).__name__}: {error})"[:300]
        outputs.event("message", message=message)
        return None
    finally:
        socket.setdefaulttimeout(waited)
    last = f"classifier.{len(network.classifier) - 1}."
    layers = {name: tensor for name, tensor in tensors.items() if not name.startswith(last)}
    network.load_state_dict(layers, strict=False)
    outputs.event("message", message=f"Fine-tuning weights of ImageNet ({weights})")
    return Start(network, "imagenet")
