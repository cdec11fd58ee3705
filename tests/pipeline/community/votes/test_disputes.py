"""A folder of what votes have not settled, and the labels that a person writes into it."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import pytest
import yaml
from PIL import Image

from pipeline.community.voted_crops import CropMember, VotedCrop, VotedCrops, Votes, VoteStatus
from pipeline.community.votes.decisions import DecisionError
from pipeline.community.votes.disputes import image_of, read_labels, write_disputes


def voted(place: Path, *states: VoteStatus) -> VotedCrops:
    """A group of each state, each of another image."""
    crops, files = [], {}
    for number, status in enumerate(states):
        file = place / f"{number}.png"
        Image.new("RGB", (64, 64), (40 * number, 90, 90)).save(file)
        digest = sha256(file.read_bytes()).hexdigest()
        files[digest] = file
        who = tuple("abcdefgh"[: number + 1])
        crops.append(
            VotedCrop(
                kind="icon",
                slot="weapon",
                label=f"Sword {number}",
                status=status,
                confidence=0.5,
                votes={f"Sword {number}": who},
                members=(CropMember(sha256=digest, phash="0" * 16, contributors=who),),
            )
        )
    (place / "voted").mkdir()
    return VotedCrops.write(place / "voted", Votes(crops=tuple(crops)), files)


def test_disputed_ones_come_first_and_those_of_most_people(tmp_path: Path) -> None:
    made = voted(tmp_path, "disputed", "accepted", "tentative", "tentative")
    written = write_disputes(tmp_path / "open", made, most=2)
    assert [crop.label for crop in written] == ["Sword 0", "Sword 3"]
    rows = yaml.safe_load((tmp_path / "open" / "disputes.yaml").read_text("utf-8"))
    assert [row["image"] for row in rows] == ["001.png", "002.png"]
    assert [row["votes"] for row in rows] == [{"Sword 0": 1}, {"Sword 3": 4}]
    shown = (tmp_path / "open" / "001.png").read_bytes()
    assert sha256(shown).hexdigest() == rows[0]["sha256"]


def test_labels_that_somebody_has_written_are_not_written_over(tmp_path: Path) -> None:
    made = voted(tmp_path, "disputed")
    write_disputes(tmp_path / "open", made, most=9)
    before = (tmp_path / "open" / "disputes.yaml").read_bytes()
    with pytest.raises(DecisionError, match="holds something already"):
        write_disputes(tmp_path / "open", made, most=9)
    assert (tmp_path / "open" / "disputes.yaml").read_bytes() == before


def test_where_everything_is_settled_no_folder_is_made(tmp_path: Path) -> None:
    assert write_disputes(tmp_path / "open", voted(tmp_path, "accepted"), most=9) == ()
    assert not (tmp_path / "open").exists()


def test_null_is_not_decided_and_an_empty_label_is_nothing(tmp_path: Path) -> None:
    made = voted(tmp_path, "disputed", "disputed", "disputed")
    write_disputes(tmp_path / "open", made, most=9)
    file = tmp_path / "open" / "disputes.yaml"
    assert read_labels(file) == {}
    rows = yaml.safe_load(file.read_text("utf-8"))
    rows[0]["label"], rows[1]["label"] = " Axe ", ""
    file.write_text(yaml.safe_dump(rows), "utf-8")
    assert read_labels(file) == {rows[0]["sha256"]: "Axe", rows[1]["sha256"]: ""}


@pytest.mark.parametrize("content", [b"", b"a: [", b"- 7", b"- {image: x}", b"\xff\xfe\x00"])
def test_what_is_no_list_of_disputes_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "disputes.yaml"
    file.write_bytes(content)
    with pytest.raises(DecisionError, match="is no list of disputes"):
        read_labels(file)


def test_digits_must_name_one_image(tmp_path: Path) -> None:
    crops = voted(tmp_path, "disputed", "accepted").content.crops
    digest = crops[1].members[0].sha256
    assert image_of(digest[:10].upper(), crops) == (digest, crops[1])
    with pytest.raises(DecisionError, match="more than one image"):
        image_of("", crops)
    with pytest.raises(DecisionError, match="no image that was voted on"):
        image_of("zz", crops)
