from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from doubles.classifiers import write_classifier
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from detector_runtime.classify.chain import ChainSettings, IconMatch, MatchingChain
from detector_runtime.classify.classifier import Classifier
from detector_runtime.classify.hashes import perceptual_hash
from detector_runtime.classify.knowledge import Knowledge, KnownName
from detector_runtime.classify.templates import IconTemplates
from detector_runtime.errors import ConfigurationError, ImageError, ModelLoadError

from .conftest import drawn_icon

NAMES = [f"{family} {member}" for family in range(10) for member in range(3)]
ICONS = [drawn_icon(family, member) for family in range(10) for member in range(3)]
TEMPLATES = IconTemplates.of(NAMES, ICONS)
MakeFile = Callable[..., Path]


def hash_of(icon: np.ndarray) -> str:
    return perceptual_hash(Image.fromarray(icon))


def mean_colours(names: list[str], icons: list[np.ndarray]) -> dict[str, tuple[int, int, int]]:
    """For a classifier that knows these icons by their mean colour."""
    means = [icon.reshape(-1, 3).mean(axis=0) for icon in icons]
    return {
        name: (float(r), float(g), float(b)) for name, (r, g, b) in zip(names, means, strict=True)
    }


@pytest.fixture
def sure_classifier(classifier_file: MakeFile) -> Classifier:
    """One that is certain of each of the icons."""
    return Classifier.load(classifier_file(colours=mean_colours(NAMES, ICONS), sharpness=200_000.0))


@pytest.fixture(scope="module")
def classifiers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Classifier]]:
    """From one that knows nothing to one that is certain; each doubts what is below 0.9."""
    file = tmp_path_factory.mktemp("classifiers") / "icon_classifier.onnx"
    colours, doubts = mean_colours(NAMES, ICONS), {"min_confidence": "0.9"}
    opened = [
        Classifier.load(write_classifier(file, colours, sharpness=one, changes=doubts))
        for one in (0.01, 500.0, 1_000.0, 200_000.0)
    ]
    yield opened
    for one in opened:
        one.close()


def only(chain: MatchingChain, icon: np.ndarray) -> IconMatch:
    (found,) = chain.match([icon])
    return found


def test_a_name_that_people_agreed_on_answers_first(sure_classifier: Classifier) -> None:
    known = {hash_of(ICONS[4]): KnownName(name=NAMES[4], votes=5, confidence=0.97)}
    found = only(MatchingChain(TEMPLATES, sure_classifier, known), ICONS[4])
    assert (found.name, found.step) == (NAMES[4], "override")
    assert 0.97 < found.confidence < 1


def test_a_wrong_override_is_outvoted_and_named(sure_classifier: Classifier) -> None:
    known = {hash_of(ICONS[4]): KnownName(name=NAMES[20], votes=5)}
    found = only(MatchingChain(TEMPLATES, sure_classifier, known), ICONS[4])
    assert (found.name, found.outvoted) == (NAMES[4], NAMES[20])
    assert found.step in ("template", "classifier")
    assert NAMES[20] in dict(found.alternatives)


def test_one_step_alone_does_not_outvote_an_override_but_makes_it_doubtful() -> None:
    known = {hash_of(ICONS[4]): KnownName(name=NAMES[20], votes=5, confidence=0.9)}
    found = only(MatchingChain(TEMPLATES, None, known), ICONS[4])
    assert (found.name, found.step, found.outvoted) == (None, None, None)
    assert [name for name, _ in found.alternatives] == [NAMES[4], NAMES[20]]


@settings(deadline=None, max_examples=60)
@given(
    icon=st.integers(0, 31),
    believed=st.floats(0, 1),
    known=st.floats(0, 1),
    classifier=st.integers(0, 3),
    templates=st.sampled_from([0, 6, 30]),
)
def test_a_name_is_as_likely_as_was_asked_for_and_the_best_guess_comes_first(
    classifiers: list[Classifier],
    icon: int,
    believed: float,
    known: float,
    classifier: int,
    templates: int,
) -> None:
    image = [*ICONS, drawn_icon(77), drawn_icon(88)][icon]
    overrides = {hash_of(image): KnownName(name=NAMES[20], votes=1, confidence=believed)}
    chain = MatchingChain(
        IconTemplates.of(NAMES[:templates], ICONS[:templates]) if templates else None,
        classifiers[classifier],
        overrides,
        ChainSettings(sure=max(known, 0.95), known=known),
    )
    found = only(chain, image)
    if found.name is None:
        assert found.confidence == found.alternatives[0][1]
    else:
        assert found.confidence >= known


def test_an_override_stands_against_steps_that_are_not_sure(classifier_file: MakeFile) -> None:
    known = {hash_of(ICONS[29]): KnownName(name=NAMES[20], votes=9, confidence=0.999)}
    few = IconTemplates.of(NAMES[:6], ICONS[:6])
    unsure = Classifier.load(classifier_file(colours=mean_colours(NAMES, ICONS), sharpness=0.01))
    found = only(MatchingChain(few, unsure, known), ICONS[29])
    assert (found.name, found.step, found.outvoted) == (NAMES[20], "override", None)
    assert 0.9 < found.confidence < 0.9991
    assert found.alternatives


def test_where_more_is_asked_for_than_a_coarse_look_gives_the_icons_are_compared_in_detail() -> (
    None
):
    known = {hash_of(ICONS[4]): KnownName(name=NAMES[4], votes=1, confidence=0.3)}
    strict = ChainSettings(sure=0.99, known=0.99)
    found = only(MatchingChain(TEMPLATES, None, known, strict), ICONS[4])
    assert (found.name, found.step) == (NAMES[4], "override")
    assert found.confidence > 0.99


def test_a_doubtful_override_is_the_best_guess_where_nothing_is_likelier(
    classifiers: list[Classifier],
) -> None:
    known = {hash_of(ICONS[29]): KnownName(name=NAMES[20], votes=1, confidence=0.4)}
    few = IconTemplates.of(NAMES[:6], ICONS[:6])
    found = only(MatchingChain(few, classifiers[0], known), ICONS[29])
    assert found.name is None
    assert found.alternatives[0] == (NAMES[20], found.confidence)
    assert len(found.alternatives) > 1


def test_a_hash_that_look_alikes_share_does_not_name_the_wrong_one(
    sure_classifier: Classifier,
) -> None:
    # The hash is of grey values alone: a gem of another colour need not change it.
    known = {hash_of(ICONS[1]): KnownName(name=NAMES[0], votes=9)}
    assert only(MatchingChain(TEMPLATES, sure_classifier, known), ICONS[1]).name == NAMES[1]


def test_an_override_is_all_there_is_without_icons_and_classifier() -> None:
    known = {hash_of(ICONS[4]): KnownName(name="Phaser", votes=5)}
    chain = MatchingChain(overrides=known)
    assert only(chain, ICONS[4]).step == "override"
    assert only(chain, ICONS[5]) == IconMatch(None, 0.0, None)
    doubtful = MatchingChain(overrides=known, settings=ChainSettings(sure=1.0, known=0.99))
    assert only(doubtful, ICONS[4]) == IconMatch(None, 0.95, None, (("Phaser", 0.95),))


def test_reference_icons_answer_where_they_are_sure() -> None:
    found = only(MatchingChain(TEMPLATES), ICONS[7])
    assert (found.name, found.step) == (NAMES[7], "template")
    assert found.confidence > 0.95
    assert found.alternatives


def test_the_classifier_answers_where_there_is_no_reference(
    sure_classifier: Classifier,
) -> None:
    few = IconTemplates.of(NAMES[:6], ICONS[:6])
    found = only(MatchingChain(few, sure_classifier), ICONS[20])
    assert (found.name, found.step) == (NAMES[20], "classifier")
    assert found.confidence > 0.9


def test_a_classifier_that_doubts_a_name_takes_nothing_from_reference_icons_that_agree(
    classifiers: list[Classifier],
) -> None:
    noise = np.random.default_rng(0).normal(0, 50, ICONS[4].shape)
    worn = np.clip(ICONS[4] + noise, 0, 255).astype(np.uint8)
    alone, doubt = only(MatchingChain(TEMPLATES), worn), classifiers[1].classify([worn])[0]
    assert (alone.name, alone.step) == (NAMES[4], "template")
    assert doubt.name is None
    assert doubt.alternatives[0][0] == NAMES[4]
    assert doubt.confidence > alone.confidence, "the surer one alone would not be believed"
    found = only(MatchingChain(TEMPLATES, classifiers[1]), worn)
    assert (found.name, found.step) == (NAMES[4], "template")
    assert found.confidence > alone.confidence
    few = IconTemplates.of(NAMES[:3], ICONS[:3])
    assert only(MatchingChain(few, classifiers[1]), worn).name is None


def test_examples_answer_only_where_the_others_do_not_know(sure_classifier: Classifier) -> None:
    few = IconTemplates.of(NAMES[:6], ICONS[:6])
    stranger = drawn_icon(77)
    chain = MatchingChain(few)
    assert only(chain, stranger).name is None
    chain.confirm("New Thing", stranger)
    chain.confirm("Wrong", ICONS[2])
    found = only(chain, stranger)
    assert (found.name, found.step) == ("New Thing", "example")
    assert only(chain, ICONS[2]).name == NAMES[2]


def test_the_oldest_examples_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("detector_runtime.classify.chain.MOST_EXAMPLES", 2)
    chain = MatchingChain()
    strangers = [drawn_icon(family) for family in (77, 78, 79)]
    for number, stranger in enumerate(strangers):
        chain.confirm(f"New {number}", stranger)
    assert [only(chain, one).name for one in strangers] == [None, "New 1", "New 2"]


def test_what_nobody_knows_has_no_name_but_guesses() -> None:
    found = only(MatchingChain(TEMPLATES), drawn_icon(88))
    assert (found.name, found.step) == (None, None)
    assert found.confidence < 0.5
    assert len(found.alternatives) > 1


def test_answers_come_in_the_order_of_the_crops(sure_classifier: Classifier) -> None:
    known = {hash_of(ICONS[place]): KnownName(name=NAMES[place], votes=3) for place in (2, 9)}
    few = IconTemplates.of(NAMES[:12], ICONS[:12])
    chain = MatchingChain(few, sure_classifier, known)
    order = [20, 2, 5, 29, 9, 0]
    found = chain.match([ICONS[place] for place in order])
    assert [one.name for one in found] == [NAMES[place] for place in order]
    alone = [only(chain, ICONS[place]) for place in order]
    assert [one.step for one in found] == [one.step for one in alone]
    assert chain.match([]) == []


def test_what_cannot_be_used_is_refused(classifier_file: MakeFile) -> None:
    screens = Classifier.load(classifier_file(changes={"kind": "screen"}))
    with pytest.raises(ConfigurationError):
        MatchingChain(classifier=screens)
    with pytest.raises(ConfigurationError):
        ChainSettings(sure=0.3, known=0.6)
    with pytest.raises(ImageError):
        MatchingChain(TEMPLATES).match([np.zeros((0, 0, 3), np.uint8)])


def test_known_names_are_read_from_their_file_alone(tmp_path: Path) -> None:
    file = tmp_path / "knowledge.json"
    known = Knowledge(names={"0" * 16: KnownName(name="Phaser", votes=3, confidence=0.99)})
    file.write_text(known.model_dump_json())
    assert Knowledge.load(file) == known
    damages = (b"", b"[]", b'{"names": {"xyz": {"name": "a", "votes": 1}}}', b"\xff")
    for content in (*damages, b'{"names": {"0000000000000000": {"name": "a", "votes": 0}}}'):
        file.write_bytes(content)
        with pytest.raises(ModelLoadError):
            Knowledge.load(file)
    with pytest.raises(ModelLoadError):
        Knowledge.load(tmp_path / "none.json")
