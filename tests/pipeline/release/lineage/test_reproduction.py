"""What explains a difference, and in which order it is said."""

from pathlib import Path

import pytest
from doubles.artifacts import recorded
from hypothesis import given
from hypothesis import strategies as st

from pipeline.manifests import FileEntry, Manifest, first_difference, manifest_from, manifest_of
from pipeline.progress import Progress
from pipeline.provenance import Environment, Provenance, Recipe, environment_here
from pipeline.release.lineage.reproduction import Here, hashed, judge

MACHINE = Environment(python="3.11.7", platform="Linux x86_64", libraries={"numpy": "2.1"})
DIGESTS = st.sampled_from(["a" * 64, "b" * 64])
LISTINGS = st.dictionaries(st.sampled_from(["a", "b/c", "b/d"]), DIGESTS).map(
    lambda files: manifest_from(
        FileEntry(path=path, size=1, sha256=digest) for path, digest in files.items()
    )
)


def record_of(listing: Manifest, environment: Environment | None = MACHINE) -> Provenance:
    recipe = Recipe(asset="toy/cvat_merge", code_version="c1", config={})
    made = recorded(recipe)(listing.digest)
    return made.model_copy(update={"environment": environment})


@given(LISTINGS, LISTINGS)
def test_equal_digests_and_no_differing_file_are_the_same(one: Manifest, other: Manifest) -> None:
    assert (first_difference(one, other) is None) == (one.digest == other.digest)
    made = judge(record_of(one), one, other, Here("c1", MACHINE), (), 1.0)
    assert made.is_equal == (one == other)
    assert bool(made.differences) == (one != other)


def test_causes_come_before_the_file_in_the_order_of_making() -> None:
    before = manifest_from([FileEntry(path="x", size=1, sha256="a" * 64)])
    here = Here("c2", MACHINE.model_copy(update={"libraries": {"numpy": "2.2"}}))
    made = judge(record_of(before), before, Manifest(files=()), here, ("an input: y",), 1.0)
    first, code, library, file = made.differences
    assert first == "an input: y"
    assert "version c1" in code
    assert library == "numpy: 2.1 then, 2.2 now"
    assert file == "the file x is missing"


def test_what_nothing_explains_is_said_to_be_so() -> None:
    before = manifest_from([FileEntry(path="x", size=1, sha256="a" * 64)])
    made = judge(record_of(before), None, Manifest(files=()), Here("c1", MACHINE), (), 1.0)
    assert len(made.differences) == 1
    assert "Inputs, settings and code are those" in made.notes[-1]
    older = judge(record_of(before, None), None, before, Here("c1", MACHINE), (), 1.0)
    assert older.is_equal
    assert older.notes == ()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"python": "3.12.1"}, "Python: 3.11.7 then, 3.12.1 now"),
        ({"platform": "Darwin arm64"}, "the platform: Linux x86_64 then, Darwin arm64 now"),
        ({"libraries": {}}, "numpy: 2.1 then, none now"),
        ({}, None),
    ],
)
def test_environments_are_compared_part_by_part(
    change: dict[str, object], said: str | None
) -> None:
    assert MACHINE.difference_from(MACHINE.model_copy(update=change)) == said


def test_this_process_names_what_it_has() -> None:
    here = environment_here()
    assert {"numpy", "pillow", "opencv-python-headless"} <= here.libraries.keys()


def test_a_folder_is_hashed_as_elsewhere_and_tells_how_far_it_is(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    for name in ("a/x", "y"):
        (tmp_path / name).write_text(name)
    readings: list[Progress] = []
    assert hashed(tmp_path, readings.append) == manifest_of(tmp_path)
    assert [(r.done, r.total) for r in readings] == [(0, 2), (1, 2), (2, 2)]
