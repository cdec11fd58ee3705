"""Whether a classifier is trained again, and what from."""

from __future__ import annotations

from pipeline.community.classifiers.manifest import TrainingManifest
from pipeline.community.classifiers.retraining import LEAST_NEW, decide

BEFORE = TrainingManifest(images={"a": "axe", "b": "bow"}, trained=("a",))
BELIEVED = {"a": "axe", "b": "bow", "c": "axe"}


def test_the_first_one_is_always_trained() -> None:
    decision = decide("icon", None, 0, {})
    assert (decision.trains, decision.fine_tunes) == (True, False)


def test_ten_new_images_are_worth_a_training_and_nine_are_not() -> None:
    enough, few = (decide("icon", BEFORE, new, BELIEVED) for new in (LEAST_NEW, LEAST_NEW - 1))
    assert (enough.trains, enough.fine_tunes) == (True, True)
    assert not few.trains
    assert few.reason.startswith("9 new images are fewer than the 10")
    assert "same images" in decide("icon", BEFORE, 0, BELIEVED).reason
    assert few.overridden(always=True, anew=False).trains
    assert not enough.overridden(always=False, anew=True).fine_tunes


def test_what_was_learned_from_images_that_are_not_believed_is_not_kept() -> None:
    withdrawn, outvoted = {"a": "axe"}, {"a": "axe", "b": "axe"}
    for believed in (withdrawn, outvoted):
        decision = decide("icon", BEFORE, 0, believed)
        assert (decision.trains, decision.fine_tunes) == (True, False)
        assert decision.reason.startswith("1 images that the icon classifier was made from")


def test_what_earlier_weights_had_learned_counts_as_well() -> None:
    """Of a screen type as many images are used as the cap says: others take an image's place."""
    tuned = TrainingManifest(images={"c": "axe"}, trained=("c",)).after(BEFORE)
    assert tuned.images == BELIEVED
    assert tuned.trained == ("a", "c")
    assert not decide("screen", tuned, 0, BELIEVED).trains
    withdrawn = decide("screen", tuned, 0, {"b": "bow", "c": "axe"})
    assert (withdrawn.trains, withdrawn.fine_tunes) == (True, False)
