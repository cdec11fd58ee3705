"""Names become labels of CVAT: short enough, all different, and the way back is certain."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from pipeline.community.dispute_batches.tag_labels import LONGEST_LABEL, NO_NAME, tag_labels_of

NAMES = st.text(min_size=1, max_size=200).map(str.strip).filter(lambda name: name.isprintable())


@given(st.sets(NAMES.filter(bool), max_size=20))
@example({"Sword", "sword", "SWORD"})
@example({"x" * 200, "x" * 199, "x" * 64})
@example({"Unreadable", "none of these", "a  b", "a b"})
@example({"Straße", "STRASSE", "ß" * 64})
def test_labels_are_short_and_differ_regardless_of_case(names: set[str]) -> None:
    labels = tag_labels_of(names)
    assert set(labels) == names
    folded = [label.casefold() for label in (*NO_NAME, *labels.values())]
    assert len(set(folded)) == len(folded)
    for name, label in labels.items():
        assert 1 <= len(label) <= LONGEST_LABEL
        assert label == " ".join(label.split())
        if label != name:
            assert label.rpartition(" ")[2].isalnum()
    assert tag_labels_of(sorted(names, reverse=True)) == labels


def test_a_plain_name_is_its_own_label() -> None:
    assert tag_labels_of(["Ruby Longsword"]) == {"Ruby Longsword": "Ruby Longsword"}
