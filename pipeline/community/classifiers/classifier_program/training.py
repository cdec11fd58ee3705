"""The two stages: the last layer on features that are computed once, then more of them, or all."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

from detector_runtime.system.cores import usable_cores

from pipeline.jobs.program.constants import STOP_FILE
from pipeline.jobs.program.outputs import Outputs
from pipeline.training.detector_program.acceleration.data_parallel import Workers, workers_for

from .augmentation import BY_KIND, augment
from .checkpoints import ClassifierCheckpoint, moments_of, restore_moments
from .constants import HEAD, LAYERS
from .images import Images, Sampler, as_input
from .networks import features_of, freeze, head_of, normalized
from .starting import Start
from .steps import Steps, answers, batches_of, focal_losses, without_gradients

WARM_UP = 0.15
"""Share of all steps in which the rate rises."""
LAST_RATE = 0.01
"""Of the rate, that the cosine ends at."""
HEAD_RATE, HEAD_BATCH = 0.01, 256
PROGRESS_SECONDS = 2.0
EPOCH_STEPS = 10
"""Fewest of an epoch: small sets are passed several times before they are validated."""
PATIENT_SHARE = 0.15
"""Of all epochs, for which a training waits for a better one at least."""
STATISTICS_IMAGES = 512
"""From which the statistics of batch normalization are taken before validation."""
STRIDE = 8
"""Sides of images are multiples of it."""


class ClassifierTrainer:
    """A network, its images, and how far its training is."""

    def __init__(
        self, job: dict[str, Any], folder: Path, outputs: Outputs, images: tuple[Images, Images]
    ) -> None:
        """`images` are those to train on and those to validate on."""
        import torch

        self.job, self.folder, self.outputs = job, folder, outputs
        self.chosen = job["hyperparameters"]
        self.train, self.validation = images
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.best: dict[str, Any] = {}
        self.best_loss, self.waited = math.inf, 0
        self.patience: int = self.chosen["patience"]

    @cached_property
    def workers(self) -> Workers | None:
        """Threads that share the work on a processor of several cores."""
        if self.device.type == "cuda":
            return None
        return workers_for(self.chosen["batch"], usable_cores())

    def run(self, start: Start, saved: ClassifierCheckpoint | None) -> Any:
        """Train to the end or to the early stop; the network with its best weights."""
        import torch

        network = start.network.to(self.device, memory_format=torch.channels_last)
        if start.has_features and saved is None:
            self.train_head(network)
        self.train_layers(network, start, saved)
        if self.best:
            network.load_state_dict(self.best)
        return network.eval()

    def train_head(self, network: Any) -> None:
        """Train the last layer on what the layers before it say of each image, once as it is and
        once changed: these do not move meanwhile, so that an epoch takes milliseconds."""
        import torch

        self.outputs.event("stage", stage=HEAD, message="Training the last layer alone")
        began = time.monotonic()
        features, labels = self._features(network)
        head, generator = head_of(network), self._generator(HEAD, 0)
        optimizer = torch.optim.AdamW(
            head.parameters(), HEAD_RATE, weight_decay=self.chosen["weight_decay"]
        )
        epochs = self.chosen["head_epochs"]
        for epoch in range(epochs):
            optimizer.param_groups[0]["lr"] = HEAD_RATE * cosine(epoch / epochs)
            for rows in torch.randperm(len(labels), generator=generator).split(HEAD_BATCH):
                optimizer.zero_grad()
                logits = head(features[rows].to(self.device))
                losses = focal_losses(logits, labels[rows].to(self.device), self.chosen["gamma"])
                losses.mean().backward()
                optimizer.step()
        figures = self.validate(network, self.job["input_side"])
        self.keep_best(network, figures["val_loss"])
        seconds = round(time.monotonic() - began, 3)
        self.outputs.event("epoch", stage=HEAD, epoch=1, epochs=1, epoch_seconds=seconds, **figures)

    def train_layers(self, network: Any, start: Start, saved: ClassifierCheckpoint | None) -> None:
        """Train all layers, an epoch after the other; of layers that have learned before all but
        the lowest: what edges and colours are does not change with a new name."""
        import torch

        self.outputs.event("stage", stage=LAYERS, message=f"Training layers on {self.device}")
        is_tuned, epochs = start.has_features, self.epochs_of(start)
        # Of a small set an epoch is few steps, in which nothing can be told.
        self.patience = max(self.chosen["patience"], math.ceil(PATIENT_SHARE * epochs))
        # What ImageNet has taught the lower ones is not of this game.
        share = self.chosen["finetune_frozen"] if start.origin == "previous" else 0.0
        frozen = int(len(network.features) * share)
        freeze(network, frozen)
        rate = self.chosen["rate"] * (self.chosen["finetune_rate"] if is_tuned else 1.0)
        learning = [weight for weight in network.parameters() if weight.requires_grad]
        # Fused: hundreds of small tensors in one call, in a quarter of the time.
        optimizer = torch.optim.AdamW(
            learning, rate, weight_decay=self.chosen["weight_decay"], fused=True
        )
        sampler = Sampler(self.train.labels, self.train.trust, self.chosen["hard_cap"])
        done = self._restore(network, optimizer, sampler, saved) if saved else 0
        steps = Steps(network, self.chosen["gamma"], self.workers, frozen)
        for epoch in range(done + 1, epochs + 1):
            side = self.side_of(epoch, epochs, is_tuned)
            began = time.monotonic()
            loss = self._epoch(steps, optimizer, sampler, (epoch, epochs, side, rate))
            seconds = round(time.monotonic() - began, 3)
            is_whole = side == self.job["input_side"]
            self._measure_statistics(steps, epoch, side)
            figures = self.validate(network, side)
            stops = self.keep_best(network, figures["val_loss"]) if is_whole else False
            place = {"stage": LAYERS, "epoch": epoch, "epochs": epochs}
            self._keep_checkpoint(network, optimizer, sampler, place)
            self.outputs.event(
                "epoch",
                **place,
                **figures,
                train_loss=finite(loss),
                epoch_seconds=seconds,
                seconds_left=round(seconds * (epochs - epoch), 1),
                input_side=side,
            )
            if self._ends(stops, epoch, epochs):
                break

    def epochs_of(self, start: Start) -> int:
        """As many as were asked for; from scratch more where these would be too few steps."""
        if start.origin == "previous":
            return int(self.chosen["finetune_epochs"])
        if start.origin == "imagenet":
            return int(self.chosen["epochs"])
        steps_of_epoch: int = max(EPOCH_STEPS, len(self.train) // self.chosen["batch"])
        enough = math.ceil(int(self.chosen["least_steps"]) / steps_of_epoch)
        return max(int(self.chosen["epochs"]), enough)

    def side_of(self, epoch: int, epochs: int, is_tuned: bool) -> int:
        """Pixels of the images of an epoch, counted from 1: small ones first (progressive resizing)
        where all is learned anew; the last epochs always see them whole."""
        side: int = self.job["input_side"]
        whole_from = epochs - math.ceil(epochs * self.chosen["full_size_fraction"])
        if is_tuned or epoch > whole_from:
            return side
        small: int = round(side * self.chosen["initial_scale"] / STRIDE) * STRIDE
        return max(STRIDE, small)

    def validate(self, network: Any, side: int) -> dict[str, float | None]:
        """Loss and accuracy on the images that are not trained on; None without any."""
        from torch.nn import functional

        if not len(self.validation):
            return {"val_loss": None, "val_accuracy": None}
        batches = (
            resized(batch, side) for batch in batches_of(self.validation.pixels, self.device)
        )
        logits = without_gradients(answers, network, batches, self.workers)
        loss = float(functional.cross_entropy(logits, self.validation.labels))
        right = (logits.argmax(dim=1) == self.validation.labels).float().mean()
        return {"val_loss": finite(loss), "val_accuracy": round(float(right), 6)}

    def keep_best(self, network: Any, loss: float | None) -> bool:
        """Remember the weights if no others validated better; whether it is time to stop."""
        if loss is None or loss < self.best_loss:
            self.best = {name: value.clone() for name, value in network.state_dict().items()}
            self.best_loss, self.waited = math.inf if loss is None else loss, 0
            return False
        self.waited += 1
        return self.waited >= self.patience

    def _epoch(
        self, steps: Steps, optimizer: Any, sampler: Sampler, place: tuple[int, int, int, float]
    ) -> float:
        """All steps of an epoch; the mean loss. `place` is epoch, epochs, side and rate."""
        import torch

        epoch, epochs, side, rate = place
        generator = self._generator(LAYERS, epoch)
        batch = self.chosen["batch"]
        batches = sampler.draw(generator, batch * EPOCH_STEPS).split(batch)
        if len(batches) > 1 and len(batches[-1]) < 2:
            batches = batches[:-1]  # One image has no statistics of its own to normalize by.
        steps.train()
        total, told = 0.0, time.monotonic()
        for number, rows in enumerate(batches):
            done = (epoch - 1 + number / len(batches)) / epochs
            optimizer.param_groups[0]["lr"] = rate * one_cycle(done)
            optimizer.zero_grad(set_to_none=True)
            losses = steps.step(*self._batch(rows, side, generator), generator)
            torch.nn.utils.clip_grad_norm_(steps.network.parameters(), 5.0)
            optimizer.step()
            sampler.learn(rows, losses.cpu())
            total += float(losses.sum())
            if time.monotonic() - told > PROGRESS_SECONDS:
                told = time.monotonic()
                self._tell_progress(epoch, epochs, number + 1, len(batches))
        if not math.isfinite(total):
            raise FloatingPointError(f"the loss is no number in epoch {epoch}: lower the rate")
        return total / sum(map(len, batches))

    def _measure_statistics(self, steps: Steps, epoch: int, side: int) -> None:
        """Take what batch normalization knows of the images from the weights as they are now.

        Its running means follow weights that move fast by tens of steps, which is all that a small
        training has; validated with them, a network that has learned looks as if it had not.
        """
        import torch

        generator = self._generator(LAYERS, epoch)
        order = torch.randperm(len(self.train), generator=generator)[:STATISTICS_IMAGES]
        steps.measure_statistics(
            self._batch(rows, side, generator)[0]
            for rows in order.split(self.chosen["batch"])
            if len(rows) > 1
        )

    def _batch(self, rows: Any, side: int, generator: Any) -> tuple[Any, Any]:
        pixels = as_input(self.train.pixels[rows].to(self.device))
        changed = augment(pixels, BY_KIND[self.job["kind"]], generator)
        return resized(changed, side), self.train.labels[rows].to(self.device)

    def _features(self, network: Any) -> tuple[Any, Any]:
        """Of each image as it is, and of each once changed, with their labels."""

        generator = self._generator(HEAD, 1)
        chosen = BY_KIND[self.job["kind"]]

        def features(net: Any, batch: Any) -> Any:
            return features_of(net, normalized(batch))

        def views() -> Iterator[Any]:
            yield from batches_of(self.train.pixels, self.device)
            for batch in batches_of(self.train.pixels, self.device):
                yield augment(batch, chosen, generator)

        both = without_gradients(features, network, views(), self.workers)
        return both, self.train.labels.repeat(2)

    def _keep_checkpoint(
        self, network: Any, optimizer: Any, sampler: Sampler, place: dict[str, Any]
    ) -> None:
        parts = {
            "network": network.state_dict(),
            "best": self.best,
            "optimizer": moments_of(optimizer),
            "sampler": {"losses": sampler.losses},
        }
        tensors = {
            f"{part}:{k}": value for part, held in parts.items() for k, value in held.items()
        }
        best = None if math.isinf(self.best_loss) else self.best_loss
        facts = {"classes": list(self.job["classes"]), "best_loss": best, "waited": self.waited}
        checkpoint = ClassifierCheckpoint(tensors, {**facts, **place})
        self.outputs.keep_checkpoint(checkpoint.write, **place)

    def _restore(
        self, network: Any, optimizer: Any, sampler: Sampler, saved: ClassifierCheckpoint
    ) -> int:
        """Go on from a checkpoint; how many epochs it has seen."""
        network.load_state_dict(saved.part("network"))
        restore_moments(optimizer, saved.part("optimizer"))
        sampler.losses = saved.part("sampler")["losses"]
        best = saved.facts["best_loss"]
        self.best = saved.part("best")
        self.best_loss, self.waited = math.inf if best is None else best, saved.facts["waited"]
        done, epochs = saved.facts["epoch"], saved.facts["epochs"]
        self.outputs.event("message", message=f"Going on after epoch {done} of {epochs}")
        return int(done)

    def _ends(self, stops: bool, epoch: int, epochs: int) -> bool:
        """Whether this was the last epoch although more were asked for; then that is told."""
        why = ""
        if (self.folder / STOP_FILE).exists():
            why = "asked to"
        elif stops:
            why = f"no better for {self.patience} epochs"
        if why and epoch < epochs:
            self.outputs.event("message", message=f"Stopped after epoch {epoch}: {why}")
        return why != ""

    def _tell_progress(self, epoch: int, epochs: int, batch: int, batches: int) -> None:
        done = epoch - 1 + batch / batches
        elapsed = time.monotonic() - self.outputs.began
        self.outputs.event(
            "progress",
            stage=LAYERS,
            epoch=epoch,
            epochs=epochs,
            batch=batch,
            batches=batches,
            seconds_left=round((epochs - done) * elapsed / max(done, 1e-6), 1),
        )

    def _generator(self, stage: str, epoch: int) -> Any:
        """Random numbers of an epoch, the same however often the training was interrupted."""
        import torch

        number = [HEAD, LAYERS].index(stage)
        seed = self.chosen["seed"] * 1_000_003 + number * 10_007 + epoch
        return torch.Generator().manual_seed(seed)


def resized(images: Any, side: int) -> Any:
    """Images of another side, averaged where they shrink."""
    from torch.nn import functional

    if images.shape[-1] == side:
        return images
    return functional.interpolate(images, (side, side), mode="bilinear", antialias=True)


def one_cycle(done: float) -> float:
    """The rate at a share of all steps: up along a line, down along a cosine (Smith and Topin,
    Super-Convergence, 2018)."""
    if done < WARM_UP:
        return LAST_RATE + (1 - LAST_RATE) * done / WARM_UP
    return cosine((done - WARM_UP) / (1 - WARM_UP))


def cosine(done: float) -> float:
    """From 1 down to `LAST_RATE`."""
    return LAST_RATE + (1 - LAST_RATE) * (1 + math.cos(math.pi * min(done, 1.0))) / 2


def finite(value: float) -> float | None:
    """A figure as JSON can hold it."""
    return round(value, 6) if math.isfinite(value) else None
