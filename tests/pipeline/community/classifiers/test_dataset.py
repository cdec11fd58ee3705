"""What a classifier learns from: accepted crops, fitted as the runtime fits them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from doubles.icons import draw_art, icon_name, write_voted_crops
from PIL import Image

from pipeline.community.classifiers.dataset import (
    RULES,
    ClassifierDataError,
    DatasetRules,
    ReferenceArt,
    TooFewImagesError,
    believed_labels,
    new_images,
    read_icon_cache,
    read_images,
    select_images,
)
from pipeline.community.voted_crops import VotedCrops, Votes


@pytest.fixture(scope="module")
def voted(tmp_path_factory: pytest.TempPathFactory) -> VotedCrops:
    return write_voted_crops(tmp_path_factory.mktemp("crops") / "voted")


def test_images_are_read_once_with_their_labels(voted: VotedCrops, tmp_path: Path) -> None:
    selection = select_images(voted, "icon", RULES["icon"])
    data = read_images(voted, "icon", selection, 64)
    assert selection.classes == tuple(icon_name(number) for number in range(4))
    assert data.pixels.shape == (4 * 8 * 2, 64, 64, 3)
    for row in (0, 17, 40):
        example = selection.examples[row]
        with Image.open(voted.folder / "crops" / f"{example.sha256}.png") as image:
            expected = image.convert("RGB").resize((64, 64), Image.Resampling.BILINEAR)
        assert (data.pixels[row] == np.asarray(expected)).all()
        assert selection.classes[data.labels[row]] == example.label
    data.write(tmp_path / "data")
    subsets = np.load(tmp_path / "data" / "subsets.npy")
    assert len(subsets) == sum(side is not None for side in selection.split.subsets)
    written = {file.name for file in (tmp_path / "data").iterdir()}
    assert written == {"images.npy", "labels.npy", "subsets.npy", "trust.npy"}


def test_what_is_only_tentative_is_not_used(voted: VotedCrops) -> None:
    first, *others = voted.content.crops
    tentative = first.model_copy(update={"status": "tentative"})
    changed = VotedCrops(voted.folder, Votes(crops=(tentative, *others)))
    selection = select_images(changed, "icon", RULES["icon"])
    assert first.members[0].sha256 not in selection.digests
    assert new_images(select_images(voted, "icon", RULES["icon"]), selection.digests) == 1


def test_an_image_in_two_slots_is_used_once_and_one_of_two_names_not_at_all(
    voted: VotedCrops,
) -> None:
    first, second, *others = voted.content.crops
    twice = first.model_copy(update={"slot": "other"})
    named = second.model_copy(update={"label": icon_name(3)})
    changed = VotedCrops(voted.folder, Votes(crops=(first, twice, second, named, *others)))
    selection = select_images(changed, "icon", RULES["icon"])
    digests = [example.sha256 for example in selection.examples]
    assert digests.count(first.members[0].sha256) == 1
    assert second.members[0].sha256 not in digests
    assert len(digests) == len(set(digests)) == 63
    # What was learned of an image of two names is not believed any more either.
    believed = believed_labels(changed, "icon")
    assert believed[first.members[0].sha256] == first.label
    assert second.members[0].sha256 not in believed


def test_names_with_too_few_images_are_told(voted: VotedCrops) -> None:
    rare = voted.content.crops[0].model_copy(update={"label": "Rare"})
    changed = VotedCrops(voted.folder, Votes(crops=(rare, *voted.content.crops[1:])))
    selection = select_images(changed, "icon", RULES["icon"])
    assert "Rare" not in selection.classes
    assert "Too few images to learn Rare (1)." in list(selection.notes())
    art = ReferenceArt("Rare", np.asarray(draw_art(40)))
    with_art = select_images(changed, "icon", RULES["icon"], (art,))
    assert "Rare" in with_art.classes
    assert with_art.examples[-1].contributors == ()


def test_too_little_is_told_in_words(voted: VotedCrops) -> None:
    with pytest.raises(TooFewImagesError, match="0 accepted images of 0 names") as caught:
        select_images(voted, "screen", RULES["screen"])
    assert "voted_crops" in caught.value.fix


def test_screens_are_capped_from_thirty(tmp_path: Path) -> None:
    voted = write_voted_crops(tmp_path / "voted", names=2, players=16, each=2, kind="screen")
    rules = RULES["screen"].model_copy(update={"cap": 20})
    selection = select_images(voted, "screen", rules)
    assert len(selection.examples) == 40
    assert dict(selection.capped) == {"SCREEN_0": 32, "SCREEN_1": 32}
    assert select_images(voted, "screen", rules) == selection
    high = rules.model_copy(update={"cap_from": 33})
    assert len(select_images(voted, "screen", high).examples) == 64
    assert (RULES["screen"].cap, RULES["screen"].cap_from, RULES["screen"].least_total) == (
        150,
        30,
        7,
    )


def test_a_damaged_image_is_named(tmp_path: Path) -> None:
    voted = write_voted_crops(tmp_path / "voted", names=2, players=3)
    selection = select_images(voted, "icon", DatasetRules())
    file = voted.folder / voted.content.crops[0].images[0]
    file.unlink()
    file.write_bytes(b"no image")
    with pytest.raises(ClassifierDataError, match=file.name):
        read_images(voted, "icon", selection, 64)


def test_an_icon_cache_is_a_folder_of_named_images(tmp_path: Path) -> None:
    draw_art(3).save(tmp_path / "Ruby Ring.png")
    (art,) = read_icon_cache(tmp_path)
    assert art.name == "Ruby Ring"
    assert art.image.shape == (64, 64, 3)
    with pytest.raises(ClassifierDataError, match="no icon"):
        read_icon_cache(tmp_path / "absent")
