"""Parts of the program: what it draws over icons, how it samples, calibrates and takes over."""

from __future__ import annotations

import copy
import inspect
import math
import socket
from pathlib import Path
from types import SimpleNamespace
from urllib.error import URLError

import numpy as np
import onnxruntime
import pytest
import torch
from detector_runtime.classify.hashes import perceptual_hash
from doubles.classifiers import write_classifier
from PIL import Image
from safetensors.torch import save_file

from pipeline.community.classifiers.classifier_program import (
    networks,
    starting,
    training,
)
from pipeline.community.classifiers.classifier_program.augmentation import (
    ICONS,
    SCREENS,
    augment,
    colour,
    hue_turns,
)
from pipeline.community.classifiers.classifier_program.calibration import (
    CAUTIOUS,
    HIGHEST,
    LOWEST,
    PRIOR,
    best_temperature,
    calibrate,
    lowest_threshold,
)
from pipeline.community.classifiers.classifier_program.checkpoints import (
    ClassifierCheckpoint,
    moments_of,
    newest_checkpoint,
    read_checkpoint,
    restore_moments,
)
from pipeline.community.classifiers.classifier_program.constants import WEIGHTS_FILE
from pipeline.community.classifiers.classifier_program.export import (
    ClassifierExportError,
    answering,
    check_parity,
    write_weights,
)
from pipeline.community.classifiers.classifier_program.images import Images, Sampler
from pipeline.community.classifiers.classifier_program.starting import Origin, Start, take_over
from pipeline.community.classifiers.classifier_program.steps import (
    AT_ONCE,
    DROPOUT,
    Steps,
    batches_of,
    dropout,
    focal_losses,
    without_gradients,
)
from pipeline.community.classifiers.classifier_program.training import (
    ClassifierTrainer,
    cosine,
    one_cycle,
)
from pipeline.community.classifiers.job import DEFAULTS, ClassifierHyperparameters
from pipeline.demo_game.inventory.icon_catalogue import icon_catalogue, look_alikes
from pipeline.jobs.program.outputs import Outputs
from pipeline.training.detector_program.acceleration.data_parallel import Workers


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("chosen", [ICONS, SCREENS])
def test_changed_images_are_images_and_equal_numbers_change_them_equally(chosen) -> None:
    images = torch.rand(32, 3, 64, 64, generator=generator())
    before = images.clone()
    changed = augment(images, chosen, generator(3))
    assert changed.shape == images.shape
    assert (images == before).all()
    assert changed.min() >= 0
    assert changed.max() <= 1
    assert torch.equal(changed, augment(images, chosen, generator(3)))
    assert not torch.equal(changed, augment(images, chosen, generator(4)))


def test_no_image_is_mirrored() -> None:
    """The left half of each is bright; a mirrored one would be bright on the right."""
    images = torch.zeros(200, 3, 64, 64)
    images[..., :32] = 0.8
    changed = augment(images, ICONS, generator())
    middle = changed[:, :, 20:44]
    left, right = middle[..., 16:28].mean(dim=(1, 2, 3)), middle[..., 36:48].mean(dim=(1, 2, 3))
    assert (left > right).float().mean() > 0.97


def test_hue_turns_by_few_degrees_and_leaves_grey_alone() -> None:
    turns = hue_turns(torch.zeros(100, 3, 4, 4), ICONS, generator())
    assert torch.allclose(turns @ torch.ones(3), torch.ones(100, 3), atol=1e-5)
    red = turns @ torch.tensor([1.0, 0.0, 0.0])
    limit = 2 * math.sin(math.radians(ICONS.hue_degrees) / 2)
    assert ((red - torch.tensor([1.0, 0.0, 0.0])).norm(dim=1) <= limit).all()


def test_no_change_of_colour_turns_a_gem_into_that_of_another_icon() -> None:
    """Icons with one perceptual hash, which differ in colour alone, stay nearest to themselves."""
    art = {icon.name: icon.image[..., :3] for icon in icon_catalogue()}
    hashes = {name: perceptual_hash(Image.fromarray(image)) for name, image in art.items()}
    pairs = [
        (name, other)
        for name, others in look_alikes().items()
        for other in others
        if hashes[name] == hashes[other]
    ]
    assert len(pairs) >= 10
    for number, (name, other) in enumerate(pairs):
        own, twin = (as_tensor(art[one]) for one in (name, other))
        changed = colour(own.expand(50, -1, -1, -1), ICONS, generator(number))
        differs = (own - twin).abs().amax(dim=1, keepdim=True) > 0.1
        nearer = hue_distance(changed, own, differs) < hue_distance(changed, twin, differs)
        assert nearer.all(), f"{name} looks like {other}"


def as_tensor(image: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(image.copy()).permute(2, 0, 1)[None].float() / 255


def hue_distance(images: torch.Tensor, one: torch.Tensor, where: torch.Tensor) -> torch.Tensor:
    """How far colours are from those of one image, however bright: [images]."""
    first, second = (each / (each.sum(dim=1, keepdim=True) + 0.05) for each in (images, one))
    return ((first - second).square() * where).sum(dim=(1, 2, 3))


def test_rare_names_are_drawn_more_often_and_hard_images_up_to_the_cap() -> None:
    labels = torch.tensor([0] * 90 + [1] * 10)
    sampler = Sampler(labels, torch.ones(100), cap=3.0)
    drawn = torch.cat([sampler.draw(generator(seed)) for seed in range(40)])
    share = (labels[drawn] == 1).float().mean()
    assert 0.2 < share < 0.3  # One by the root of 10 and 90: a quarter.
    assert len(sampler.draw(generator(), 250)) == 250
    assert len(sampler.draw(generator(), 50)) == 100
    sampler.learn(torch.arange(100), torch.tensor([0.1] * 99 + [1000.0]))
    assert sampler.hardness().max() == 3.0
    assert sampler.hardness().min() == 1.0


def test_labels_that_are_less_sure_are_drawn_less_often() -> None:
    sampler = Sampler(torch.zeros(2, dtype=torch.int64), torch.tensor([1.0, 0.25]), cap=3.0)
    drawn = torch.cat([sampler.draw(generator(seed)) for seed in range(400)])
    assert 0.1 < (drawn == 1).float().mean() < 0.3


def test_the_focal_loss_is_cross_entropy_where_gamma_is_0_and_less_for_what_is_sure() -> None:
    logits, labels = torch.tensor([[4.0, 0.0], [0.5, 0.0]]), torch.tensor([0, 0])
    plain = torch.nn.functional.cross_entropy(logits, labels, reduction="none")
    assert torch.allclose(focal_losses(logits, labels, 0.0), plain)
    share = focal_losses(logits, labels, 2.0) / plain
    assert share[0] < 0.001 < share[1]


def calibrated(scale: float, count: int = 4000) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits that are `scale` times what they should be for their labels."""
    rng = np.random.default_rng(0)
    logits = torch.from_numpy(rng.normal(0, 2, (count, 5))).float()
    probabilities = logits.softmax(dim=1)
    labels = torch.multinomial(probabilities, 1, generator=generator())[:, 0]
    return logits * scale, labels


@pytest.mark.parametrize("scale", [0.25, 1.0, 4.0])
def test_the_temperature_makes_up_for_logits_that_say_too_much_or_too_little(scale: float) -> None:
    assert best_temperature(*calibrated(scale)) == pytest.approx(scale, rel=0.1)


def without_mistakes(count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits of two names that are right each time, by 2 and by 6 in turn."""
    margins = torch.tensor([2.0, 6.0]).repeat(count // 2)
    return torch.stack([margins, torch.zeros(count)], dim=1), torch.zeros(count, dtype=torch.int64)


def test_of_few_images_without_a_mistake_nothing_is_certain() -> None:
    """The likelihood alone would choose the lowest temperature that there is, and say 1.00."""
    few, more = (best_temperature(*without_mistakes(count)) for count in (20, 400))
    assert 0.5 < few < 1.0
    assert LOWEST < more < few
    unlike_either = torch.tensor([1.0, 0.0])
    assert float((unlike_either / few).softmax(dim=0).max()) < 0.85


@pytest.mark.parametrize("wrong", [0, 5, 30])
def test_the_temperature_is_the_most_likely_one_under_its_prior(wrong: int) -> None:
    logits, labels = without_mistakes(30)
    labels[:wrong] = 1
    inverse = torch.linspace(1 / HIGHEST, 5, 20_000, dtype=torch.float64)
    margins = (logits[:, 0] - logits[:, 1]).double() * torch.where(labels == 0, 1, -1)
    losses = torch.nn.functional.softplus(-margins[:, None] * inverse).sum(dim=0)
    best = inverse[(losses + PRIOR * (inverse - inverse.log())).argmin()]
    assert best_temperature(logits, labels) == pytest.approx(1 / float(best), rel=1e-3)


def test_from_the_threshold_on_enough_answers_are_right_and_below_it_too_few() -> None:
    logits, labels = calibrated(3.0)
    found = calibrate(logits, labels, 0.95)
    confidence, said = (logits / found.temperature).softmax(dim=1).max(dim=1)
    known = confidence >= found.min_confidence
    assert (said == labels)[known].float().mean() >= 0.95
    lower = confidence >= found.min_confidence - 0.02
    assert (said == labels)[lower].float().mean() < 0.95
    assert "95%" in found.rule


def test_answers_of_one_confidence_stand_and_fall_together() -> None:
    confidence = torch.tensor([0.9, 0.9, 0.9, 0.4])
    right = torch.tensor([True, True, False, True])
    threshold, met = lowest_threshold(confidence, right, 0.9)
    assert not met
    assert threshold == 0.4  # Three of four are the most that any gives.
    assert lowest_threshold(confidence, right, 0.75) == (0.4, True)


def test_with_few_images_nothing_is_calibrated() -> None:
    found = calibrate(torch.zeros(3, 2), torch.zeros(3, dtype=torch.int64), 0.98)
    assert (found.temperature, found.min_confidence) == (1.0, CAUTIOUS)
    assert "fewer than" in found.rule


class Small(torch.nn.Module):
    """Two layers, called as torchvision's networks call theirs."""

    def __init__(self, names: int) -> None:
        super().__init__()
        self.features = torch.nn.Linear(4, 3)
        self.classifier = torch.nn.Sequential(torch.nn.Dropout(), torch.nn.Linear(3, names))


def test_rows_of_names_that_stay_come_along_wherever_they_stand() -> None:
    old, new = Small(3), Small(4)
    kept = take_over(new, dict(old.state_dict()), ["axe", "bow", "club"], ["a", "bow", "axe", "z"])
    assert kept == 2
    assert torch.equal(new.features.weight, old.features.weight)
    assert torch.equal(new.classifier[1].weight[1], old.classifier[1].weight[1])
    assert torch.equal(new.classifier[1].weight[2], old.classifier[1].weight[0])
    mean = float(old.classifier[1].bias.detach().mean())
    assert float(new.classifier[1].bias[0].detach()) == pytest.approx(mean)


class Tiny(torch.nn.Module):
    """A network with the parts of torchvision's."""

    def __init__(self, names: int = 2) -> None:
        super().__init__()
        self.features = torch.nn.Sequential(
            torch.nn.Conv2d(3, 4, 3, stride=2), torch.nn.BatchNorm2d(4), torch.nn.ReLU()
        )
        self.avgpool = torch.nn.AdaptiveAvgPool2d(1)
        self.classifier = torch.nn.Sequential(torch.nn.Dropout(), torch.nn.Linear(4, names))


def test_a_step_leaves_out_a_share_of_the_features_and_keeps_their_mean() -> None:
    kept = dropout(300, 200, generator())
    assert float((kept == 0).float().mean()) == pytest.approx(DROPOUT, abs=0.01)
    assert float(kept.mean()) == pytest.approx(1, abs=0.01)
    assert torch.equal(kept, dropout(300, 200, generator()))
    assert not torch.equal(kept, dropout(300, 200, generator(1)))


@pytest.mark.parametrize("architecture", ["efficientnet_b0", "mobilenet_v3_small"])
def test_networks_begin_without_an_opinion_and_leave_dropout_to_the_steps(
    monkeypatch: pytest.MonkeyPatch, architecture: str
) -> None:
    asked: dict[str, object] = {}
    models = SimpleNamespace(**{architecture: lambda **how: asked.update(how) or Tiny(20)})
    monkeypatch.setattr(networks, "torchvision_models", lambda: models)
    network = networks.build_network(architecture, 20)
    assert (asked["num_classes"], asked["dropout"]) == (20, 0.0)
    logits = networks.head_of(network)(torch.ones(1, 4))
    assert 0 < logits.abs().max() < 0.2


def test_threads_that_share_a_batch_leave_out_the_same_features_each_time() -> None:
    network, workers = Tiny(), Workers(2, 2)
    network.classifier[0].p = 0.0
    images, labels = torch.rand(64, 3, 16, 16, generator=generator()), torch.arange(64) % 2
    losses = []
    for seed in (0, 0, 0, 1):
        steps = Steps(network, 2.0, workers)
        steps.train()
        losses.append(steps.step(images, labels, generator(seed)))
    assert torch.equal(losses[0], losses[1])
    assert torch.equal(losses[0], losses[2])
    assert not torch.equal(losses[0], losses[3])


@pytest.mark.parametrize("batches", [1, 2, 5])
@pytest.mark.parametrize("threads", [0, 2, 3])
def test_statistics_are_the_means_over_all_batches_however_many_threads_look(
    batches: int, threads: int
) -> None:
    network = Tiny()
    norm = network.features[1]
    norm.running_mean += 7  # What was known before counts for nothing.
    images = torch.rand(batches, 16, 3, 8, 8, generator=generator())
    seen = network.features[0](networks.normalized(images.flatten(0, 1))).detach()
    each = seen.unflatten(0, (batches, 16)).transpose(1, 2).flatten(2)
    Steps(network, 2.0, Workers(threads, threads) if threads else None).measure_statistics(images)
    assert torch.allclose(norm.running_mean, each.mean(dim=2).mean(dim=0), atol=1e-5)
    assert torch.allclose(norm.running_var, each.var(dim=2).mean(dim=0), atol=1e-5)
    assert norm.momentum == 0.1


def test_threads_say_of_images_what_one_says_in_the_same_order() -> None:
    network = Tiny(3)
    images = torch.randint(0, 256, (3 * AT_ONCE + 5, 3, 8, 8), generator=generator())
    images = images.to(torch.uint8)

    def mean(_network: object, batch: torch.Tensor) -> torch.Tensor:
        assert torch.is_inference_mode_enabled()
        return batch.mean(dim=(1, 2, 3))

    for workers in (None, Workers(2, 2)):
        found = without_gradients(mean, network, batches_of(images, "cpu"), workers)
        assert torch.allclose(found, images.float().mean(dim=(1, 2, 3)) / 255)
    assert not network.training


def test_what_is_exported_answers_with_its_temperature_and_features_of_length_1() -> None:
    network, images = Tiny(3).eval(), torch.rand(4, 3, 32, 32, generator=generator())
    with torch.inference_mode():
        hot, cold = (answering(network, temperature)(images) for temperature in (1.0, 4.0))
    assert torch.allclose(cold[0], (hot[0].log() / 4).softmax(dim=1), atol=1e-6)
    assert torch.allclose(hot[1].norm(dim=1), torch.ones(4))


def test_both_kinds_are_trained_as_they_are_said_to_be() -> None:
    shapes = {kind: (one.architecture, one.input_side) for kind, one in DEFAULTS.items()}
    assert shapes == {"icon": ("efficientnet_b0", 64), "screen": ("mobilenet_v3_small", 224)}
    for one in DEFAULTS.values():
        chosen = one.hyperparameters
        assert (chosen.hard_cap, chosen.finetune_rate, chosen.patience) == (3.0, 0.3, 3)
        assert chosen.gamma > 0, "the loss is focal"


class Training(ClassifierTrainer):
    """The training of a tiny network, which validates with the same loss in every epoch."""

    def __init__(self, folder: Path, epochs: int) -> None:
        chosen = ClassifierHyperparameters(epochs=epochs, finetune_epochs=epochs, least_steps=0)
        job = {
            "kind": "icon",
            "classes": ["axe", "bow"],
            "input_side": 32,
            "hyperparameters": {**chosen.model_dump(), "batch": 8},
        }
        pixels = torch.randint(0, 256, (16, 3, 32, 32), dtype=torch.uint8, generator=generator())
        images = Images(pixels, torch.arange(16) % 2, torch.ones(16))
        self.told = Told()
        super().__init__(job, folder, self.told, (images, images))  # type: ignore[arg-type]

    def validate(self, network: object, side: int) -> dict[str, float | None]:
        return {"val_loss": 1.0, "val_accuracy": 0.5}


@pytest.mark.slow  # The first optimizer of a process makes torch import its compiler.
def test_a_training_that_gets_no_better_ends_with_the_weights_that_were_best(
    tmp_path: Path,
) -> None:
    training, network = Training(tmp_path, epochs=9), Tiny()
    ended = training.run(Start(network, "previous"), None)
    assert training.told.epochs == ["head", "train", "train", "train"]
    assert training.told.messages[-1] == "Stopped after epoch 3: no better for 3 epochs"
    assert all(torch.equal(ended.state_dict()[name], best) for name, best in training.best.items())


@pytest.mark.slow
def test_equal_trainings_end_with_equal_weights(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(training, "usable_cores", lambda: 2)
    begun, ended = Tiny(), []
    begun.classifier[0].p = 0.0
    for seed in (42, 42, 43):
        trainer = Training(tmp_path, epochs=2)
        trainer.chosen |= {"batch": 16, "seed": seed}
        ended.append(trainer.run(Start(copy.deepcopy(begun), "previous"), None).state_dict())
    first, second, other = ended
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert not torch.equal(first["classifier.1.weight"], other["classifier.1.weight"])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("origin", "rate"), [("scratch", 0.003), ("imagenet", 0.0009), ("previous", 0.0009)]
)
def test_layers_that_have_learned_before_move_at_three_tenths_of_the_rate(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, origin: Origin, rate: float
) -> None:
    rates: list[float] = []

    class Noted(torch.optim.AdamW):
        def __init__(self, weights: object, lr: float, **others: float) -> None:
            rates.append(lr)
            super().__init__(weights, lr, **others)

    monkeypatch.setattr(torch.optim, "AdamW", Noted)
    training = Training(tmp_path, epochs=1)
    training.train_layers(Tiny(), Start(Tiny(), origin), None)
    assert rates == [pytest.approx(rate)]


class Told:
    """Outputs of a job that remember what was told."""

    began = 0.0

    def __init__(self) -> None:
        self.messages: list[str] = []
        self.epochs: list[str] = []

    def event(self, kind: str, message: str = "", stage: str = "", **_figures: object) -> None:
        if kind == "message":
            self.messages.append(message)
        elif kind == "epoch":
            self.epochs.append(stage)

    def keep_checkpoint(self, write: object, **place: object) -> None:
        """None is kept."""


def offered(monkeypatch: pytest.MonkeyPatch, get_state_dict: object) -> None:
    """Have torchvision offer weights that are had by calling this."""
    weights = SimpleNamespace(get_state_dict=get_state_dict)
    models = SimpleNamespace(get_model_weights=lambda _name: SimpleNamespace(DEFAULT=weights))
    monkeypatch.setattr(starting, "torchvision_models", lambda: models)


def test_layers_of_imagenet_are_taken_without_its_names(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TORCH_HOME", "")
    theirs, ours, told = Small(1000), Small(4), Told()
    asked: dict[str, object] = {}
    offered(monkeypatch, lambda **how: asked.update(how) or dict(theirs.state_dict()))
    start = starting.from_imagenet(ours, "efficientnet_b0", tmp_path, told)
    assert start is not None
    assert (start.origin, start.has_features) == ("imagenet", True)
    assert torch.equal(ours.features.weight, theirs.features.weight)
    assert ours.classifier[1].weight.shape == (4, 3)
    assert asked["weights_only"] is True, "a file from elsewhere must not run code"
    assert asked["check_hash"] is True
    taken = inspect.signature(torch.hub.load_state_dict_from_url).parameters
    assert set(asked) <= set(taken)


def test_without_a_way_to_imagenet_that_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TORCH_HOME", "")

    def unreachable(**_how: object) -> object:
        raise URLError("no route to host")

    told = Told()
    offered(monkeypatch, unreachable)
    assert starting.from_imagenet(Small(4), "efficientnet_b0", tmp_path, told) is None
    assert told.messages == ["No weights of ImageNet (URLError: <urlopen error no route to host>)"]
    assert socket.getdefaulttimeout() is None


def test_equal_weights_are_equal_bytes_and_are_taken_over_with_their_names(tmp_path: Path) -> None:
    told, job = Told(), {"architecture": "efficientnet_b0", "classes": ["a", "b"]}
    network, content = Small(2), set[bytes]()
    for number in range(8):
        outputs = Outputs(tmp_path / str(number))
        outputs.folder.mkdir()
        write_weights(job, network, outputs)
        content.add((outputs.folder / WEIGHTS_FILE).read_bytes())
    assert len(content) == 1
    other = {**job, "classes": ["c", "b"]}
    start = starting.from_previous(Small(2), other, tmp_path / "0" / WEIGHTS_FILE, told)
    assert start is not None
    assert start.kept == 1
    assert torch.equal(
        networks.head_of(start.network).weight[1], networks.head_of(network).weight[1]
    )


def test_names_are_read_from_weights_of_earlier_versions(tmp_path: Path) -> None:
    job = {"architecture": "efficientnet_b0", "classes": ["b", "a"]}
    facts = {"architecture": "efficientnet_b0", "classes": '["a", "b"]'}
    save_file(Small(2).state_dict(), tmp_path / "previous.safetensors", facts)
    start = starting.from_previous(Small(2), job, tmp_path / "previous.safetensors", Told())
    assert start is not None
    assert start.kept == 2


def test_weights_of_another_network_are_left_aside_and_that_is_told(tmp_path: Path) -> None:
    told, job = Told(), {"architecture": "efficientnet_b0", "classes": ["a", "b"]}
    facts = {"architecture": "mobilenet_v3_small", "classes": '["a", "b"]'}
    save_file(Small(2).state_dict(), tmp_path / "previous.safetensors", facts)
    assert starting.from_previous(Small(2), job, tmp_path / "previous.safetensors", told) is None
    assert told.messages[0].endswith("its weights are not used")
    assert starting.from_previous(Small(2), job, tmp_path / "absent", told) is None


def test_a_training_goes_on_from_the_newest_checkpoint_of_the_same_names(tmp_path: Path) -> None:
    outputs = SimpleNamespace(folder=tmp_path / "outputs")
    outputs.folder.mkdir()
    job = {"classes": ["a", "b"]}
    assert newest_checkpoint(job, tmp_path, outputs) is None
    for file, epoch in ((tmp_path / "resume.pt", 3), (outputs.folder / "checkpoint.pt", 5)):
        facts = {"epoch": epoch, "classes": ["a", "b"]}
        ClassifierCheckpoint({"network:x": torch.zeros(1)}, facts).write(file)
    newest = newest_checkpoint(job, tmp_path, outputs)
    assert newest is not None
    assert newest.facts["epoch"] == 5
    with pytest.raises(ValueError, match="other names"):
        newest_checkpoint({"classes": ["b", "a"]}, tmp_path, outputs)


def test_the_best_weights_are_kept_and_without_better_ones_it_stops(tmp_path: Path) -> None:
    job = {"hyperparameters": {"patience": 2}}
    trainer = ClassifierTrainer(job, tmp_path, SimpleNamespace(), (None, None))
    best, worse = Small(2), Small(2)
    assert [trainer.keep_best(best, loss) for loss in (0.9, 0.5)] == [False, False]
    assert [trainer.keep_best(worse, loss) for loss in (0.5, 0.7)] == [False, True]
    assert torch.equal(trainer.best["features.weight"], best.features.weight)
    assert not trainer.keep_best(worse, 0.4)
    assert not trainer.keep_best(worse, 0.6)


def test_an_export_that_answers_otherwise_than_its_weights_is_refused(tmp_path: Path) -> None:
    file = write_classifier(tmp_path / "model.onnx")
    samples = torch.rand(3, 3, 64, 64, generator=generator())
    session = onnxruntime.InferenceSession(str(file))
    found = session.run(["probabilities", "features"], {"images": samples.numpy()})
    probabilities, features = map(torch.from_numpy, found)
    check_parity(file, lambda _images: (probabilities, features), samples)
    for wrong in ((probabilities.flip(1), features), (probabilities, features * math.nan)):
        with pytest.raises(ClassifierExportError, match="differ"):
            check_parity(file, lambda _images, wrong=wrong: wrong, samples)


@pytest.mark.slow  # The first optimizer of a process makes torch import its compiler.
def test_a_checkpoint_brings_back_weights_and_the_optimizers_moments(tmp_path) -> None:
    network = Small(2)
    optimizer = torch.optim.AdamW(network.parameters(), 0.1)
    for _ in range(3):
        network.classifier[1](torch.rand(5, 3)).sum().backward()
        optimizer.step()
    tensors = {f"network:{name}": value for name, value in network.state_dict().items()}
    tensors |= {f"optimizer:{name}": value for name, value in moments_of(optimizer).items()}
    ClassifierCheckpoint(tensors, {"epoch": 3, "classes": ["a", "b"]}).write(
        tmp_path / "checkpoint.pt"
    )
    saved = read_checkpoint(tmp_path / "checkpoint.pt")
    assert saved.facts == {"epoch": 3, "classes": ["a", "b"]}
    other = Small(2)
    other.load_state_dict(saved.part("network"))
    fresh = torch.optim.AdamW(other.parameters(), 0.1)
    restore_moments(fresh, saved.part("optimizer"))
    for each, its in ((network, optimizer), (other, fresh)):
        its.zero_grad()
        each.classifier[1](torch.ones(5, 3)).sum().backward()
        its.step()
    for first, second in zip(network.parameters(), other.parameters(), strict=True):
        assert torch.equal(first, second)


def test_the_rate_rises_then_falls() -> None:
    rates = [one_cycle(step / 100) for step in range(101)]
    peak = rates.index(max(rates))
    assert peak == 15
    assert rates[0] == pytest.approx(0.01)
    assert rates[-1] == pytest.approx(0.01)
    assert all(a >= b for a, b in zip(rates[peak:], rates[peak + 1 :], strict=False))
    assert cosine(2.0) == pytest.approx(0.01)
