from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from doubles.classifiers import COLOURS
from onnx import TensorProto, helper
from PIL import Image

from detector_runtime.classify.classifier import AT_ONCE, Classifier, as_input
from detector_runtime.errors import (
    ClassifierError,
    DetectorError,
    ImageError,
    ModelLoadError,
    ModelOutputError,
)

from .conftest import flat

MakeFile = Callable[..., Path]


def test_images_of_any_size_and_kind_are_named_in_their_order(classifier_file: MakeFile) -> None:
    classifier = Classifier.load(classifier_file())
    images = [flat(colour, 20 + 7 * place) for place, colour in enumerate(COLOURS.values())]
    answers = classifier.classify([images[2], Image.fromarray(images[0]), images[1]])
    assert [one.name for one in answers] == ["Blue Gem", "Red Gem", "Green Gem"]
    assert all(0.9 < one.confidence <= 1 for one in answers)
    assert [name for name, _ in answers[0].alternatives[:1]] == ["Blue Gem"]
    assert answers.features.shape == (3, 3)


def test_more_images_than_fit_into_one_run_come_back_in_their_order(
    classifier_file: MakeFile,
) -> None:
    classifier = Classifier.load(classifier_file())
    order = [place % 3 for place in range(2 * AT_ONCE + 5)]
    images = [flat(list(COLOURS.values())[place]) for place in order]
    names = [one.name for one in classifier.classify(images)]
    assert names == [list(COLOURS)[place] for place in order]


def test_what_is_like_nothing_has_no_name_but_a_best_guess(classifier_file: MakeFile) -> None:
    (answer,) = Classifier.load(classifier_file(sharpness=0.1)).classify([flat((220, 30, 30))])
    assert answer.name is None
    assert answer.confidence < 0.5
    assert answer.alternatives[0][0] == "Red Gem"


def test_of_equally_likely_names_the_first_class_is_told_first(classifier_file: MakeFile) -> None:
    (answer,) = Classifier.load(classifier_file(sharpness=0.0)).classify([flat((1, 2, 3))])
    assert [name for name, _ in answer.alternatives] == list(COLOURS)


def test_no_images_give_no_answers(classifier_file: MakeFile) -> None:
    assert list(Classifier.load(classifier_file()).classify([])) == []


def test_the_order_of_channels_is_the_caller_s(classifier_file: MakeFile) -> None:
    classifier = Classifier.load(classifier_file())
    assert classifier.classify([flat((30, 30, 220))], color="bgr")[0].name == "Red Gem"


def test_what_is_no_image_is_refused(classifier_file: MakeFile) -> None:
    with pytest.raises(ImageError):
        Classifier.load(classifier_file()).classify([np.zeros((4, 4), np.uint8)])


@pytest.mark.parametrize(
    "changes",
    [
        {"classes": None},
        {"classes": "not json"},
        {"classes": '{"0": "Red Gem"}'},
        {"classes": '["Red Gem", "Red Gem", "Blue Gem"]'},
        {"classes": '["Red Gem", ""]'},
        {"classes": '["Red Gem", "Green Gem"]'},
        {"input_size": None},
        {"input_size": "64"},
        {"input_size": "0,64"},
        {"input_size": "32,32"},
        {"input_size": "9" * 30},
        {"min_confidence": None},
        {"min_confidence": "nan"},
        {"min_confidence": "1.5"},
        {"kind": None},
        {"kind": "detector"},
    ],
)
def test_metadata_that_is_not_the_contract_is_refused(
    classifier_file: MakeFile, changes: dict[str, str | None]
) -> None:
    with pytest.raises(ClassifierError):
        Classifier.load(classifier_file(changes=changes))


@pytest.mark.parametrize(
    "layout",
    [
        {"images": (1, 3, 64, 64)},
        {"images": ("n", 3, 32, 64)},
        {"outputs": ("scores", "features")},
        {"outputs": ("probabilities", "embedding")},
    ],
)
def test_a_model_of_another_layout_is_refused(
    classifier_file: MakeFile, layout: dict[str, Any]
) -> None:
    with pytest.raises(ClassifierError):
        Classifier.load(classifier_file(**layout))


def test_a_detector_is_refused(constant_model: Callable[..., Path]) -> None:
    with pytest.raises(ClassifierError):
        Classifier.load(constant_model(np.zeros((300, 6))))


def test_the_classifier_of_screens_is_not_taken_for_that_of_icons(
    classifier_file: MakeFile,
) -> None:
    file = classifier_file(changes={"kind": "screen"})
    assert Classifier.load(file, kind="screen").facts.kind == "screen"
    with pytest.raises(ClassifierError):
        Classifier.load(file, kind="icon")


@pytest.mark.parametrize("content", [b"", b"x" * 99, b"y" * 4000])
def test_what_is_no_model_is_refused(content: bytes) -> None:
    with pytest.raises(ModelLoadError):
        Classifier.load(content)


def test_a_damaged_file_is_refused_or_answers(classifier_file: MakeFile) -> None:
    content = classifier_file().read_bytes()
    rng = np.random.default_rng(0)
    for _ in range(60):
        damaged = bytearray(content)
        damaged[int(rng.integers(len(damaged)))] ^= int(rng.integers(1, 256))
        try:
            answers = Classifier.load(bytes(damaged)).classify([flat((220, 30, 30))])
        except DetectorError:
            continue
        assert len(answers) == 1


def test_rows_that_are_no_probabilities_are_refused(
    tmp_path: Path, classifier_file: MakeFile
) -> None:
    model = onnx.load(str(classifier_file()))
    for node in model.graph.node:
        if node.op_type == "Softmax":
            node.op_type = "Identity"
            del node.attribute[:]
    onnx.save(model, str(tmp_path / "raw.onnx"))
    with pytest.raises(ModelOutputError):
        Classifier.load(tmp_path / "raw.onnx").classify([flat((220, 30, 30))])


def test_a_model_that_fails_on_images_says_so_as_ours(
    tmp_path: Path, classifier_file: MakeFile
) -> None:
    model = onnx.load(str(classifier_file()))
    model.graph.node.insert(0, helper.make_node("Reshape", ["images", "one"], ["turned"]))
    model.graph.initializer.append(
        helper.make_tensor("one", TensorProto.INT64, [4], [1, 3, 64, 64])
    )
    model.graph.node[1].input[0] = "turned"
    onnx.save(model, str(tmp_path / "one.onnx"))
    with pytest.raises(ClassifierError):
        Classifier.load(tmp_path / "one.onnx").classify([flat((1, 1, 1)), flat((2, 2, 2))])


def test_a_closed_classifier_says_so(classifier_file: MakeFile) -> None:
    classifier = Classifier.load(classifier_file())
    classifier.close()
    with pytest.raises(ModelLoadError):
        classifier.classify([flat((1, 1, 1))])


@pytest.mark.skipif(sys.platform == "win32", reason="Windows knows no forks")
def test_a_forked_process_classifies_too(classifier_file: MakeFile) -> None:
    classifier = Classifier.load(classifier_file())
    classifier.classify([flat((220, 30, 30))])
    child = os.fork()
    if not child:
        name = classifier.classify([flat((220, 30, 30))])[0].name
        os._exit(0 if name == "Red Gem" else 1)
    assert os.waitpid(child, 0)[1] == 0


def test_the_input_is_red_first_and_from_0_to_1() -> None:
    image = np.zeros((2, 2, 3), np.uint8)
    image[0, 1] = (255, 51, 0)
    batch = as_input([image], (2, 2))
    assert batch.dtype == np.float32
    assert batch[0, :, 0, 1].tolist() == pytest.approx([1.0, 0.2, 0.0])
    assert batch.sum() == pytest.approx(1.2)
