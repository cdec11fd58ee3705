"""What most people would write: torchvision's network, a folder of PNG files, thirty epochs.

`python plain_classifier.py FOLDER [--weights FILE] [--seconds LIMIT]`: FOLDER has `train`,
`validation` and `test`, each with a folder of images for each name. It starts from the layers of
a safetensors file of the same network, where one is named, and ends after the epoch in which it has
taken so long. Writes `plain.json` into the folder: seconds of the whole training and of each epoch,
and whether each image of `test` was named rightly, in the order of their files.
"""

from __future__ import annotations

import argparse
import copy
import json
import math
import time
from pathlib import Path

import torch
from torch.nn import functional
from torch.utils.data import DataLoader
from torchvision import models, transforms
from torchvision.datasets import ImageFolder

SIDE, BATCH, EPOCHS, PATIENCE, RATE, FINETUNE_RATE = 64, 16, 30, 5, 3e-4, 0.3
NORMAL = transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
TRAINING = transforms.Compose(
    [
        transforms.Resize((SIDE, SIDE)),
        transforms.ColorJitter(0.15, 0.15, 0.1, 0.01),
        transforms.RandomAffine(0, translate=(0.06, 0.06), scale=(0.92, 1.08)),
        transforms.ToTensor(),
        NORMAL,
    ]
)
PLAIN = transforms.Compose([transforms.Resize((SIDE, SIDE)), transforms.ToTensor(), NORMAL])


def main(folder: Path, weights: Path | None, limit: float) -> None:
    """Train, and write what came of it."""
    torch.manual_seed(0)
    began = time.monotonic()
    parts = {name: ImageFolder(str(folder / name), PLAIN) for name in ("validation", "test")}
    train = ImageFolder(str(folder / "train"), TRAINING)
    network = models.efficientnet_b0(num_classes=len(train.classes))
    if weights is not None:
        from safetensors.torch import load_file

        layers = load_file(weights)
        kept = {name: value for name, value in layers.items() if "classifier." not in name}
        network.load_state_dict(kept, strict=False)
    rate = RATE * (FINETUNE_RATE if weights else 1)
    optimizer = torch.optim.AdamW(network.parameters(), rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, EPOCHS)
    best, best_accuracy, waited, epochs = copy.deepcopy(network.state_dict()), -1.0, 0, []
    while len(epochs) < EPOCHS and waited < PATIENCE and sum(epochs) < limit:
        started = time.monotonic()
        network.train()
        for images, labels in DataLoader(train, BATCH, shuffle=True, drop_last=True):
            optimizer.zero_grad()
            losses = functional.cross_entropy(network(images), labels, reduction="none")
            ((1 - (-losses).exp()) ** 2 * losses).mean().backward()
            optimizer.step()
        schedule.step()
        right = rights(network, parts["validation"])
        accuracy = sum(right) / len(right)
        epochs.append(time.monotonic() - started)
        print(len(epochs), round(epochs[-1], 1), round(accuracy, 4), flush=True)
        waited += 1
        if accuracy > best_accuracy:
            best, best_accuracy, waited = copy.deepcopy(network.state_dict()), accuracy, 0
    seconds = time.monotonic() - began
    network.load_state_dict(best)
    told = {
        "seconds": seconds,
        "epochs": epochs,
        "was_ended": len(epochs) < EPOCHS and waited < PATIENCE,
        "right": rights(network, parts["test"]),
    }
    (folder / "plain.json").write_text(json.dumps(told), "utf-8")


def rights(network: torch.nn.Module, images: ImageFolder) -> list[bool]:
    """Whether each image is named rightly."""
    network.eval()
    found: list[bool] = []
    with torch.inference_mode():
        for pixels, labels in DataLoader(images, 64):
            found += (network(pixels).argmax(dim=1) == labels).tolist()
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--seconds", type=float, default=math.inf)
    given = parser.parse_args()
    main(given.folder, given.weights, given.seconds)
