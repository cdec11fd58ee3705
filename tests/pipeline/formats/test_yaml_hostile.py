"""Packs that are damaged or malicious end in the pack's own error, soon."""

from __future__ import annotations

import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.formats.yaml_text import MAX_CHARACTERS, parse_yaml
from pipeline.games.pack import PackError, load_pack
from tests.pipeline.formats.mutation import mutants

SECONDS = 10.0
"""Of the processor, so that a busy machine counts for nothing; a sound pack takes a tenth."""
BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]\n"
    for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)


def survive(inputs: Iterable[bytes], file: Path) -> int:
    """Load the pack with each text in the place of one of its files; returns how many were good."""
    good = 0
    for data in inputs:
        file.write_bytes(data)
        began = time.thread_time()
        try:
            load_pack(file.parent)
            good += 1
        except PackError:
            pass
        assert time.thread_time() - began < SECONDS, data[:200]
    return good


def test_mutated_packs_raise_the_packs_own_error_or_none(pack_folder: Path) -> None:
    file = pack_folder / "terrain.yaml"
    good = survive(mutants([file.read_bytes()], 200, seed=1), file)
    assert 0 < good < 200


@pytest.mark.exhaustive
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", ["pack", "classes", "sprites", "terrain", "scenes"])
def test_ten_thousand_mutated_packs(pack_folder: Path, name: str) -> None:
    file = pack_folder / f"{name}.yaml"
    survive(mutants([file.read_bytes()], 2_000, seed=2), file)


TEXT = b"""\
name: small
zoom: [0.3, 0.55]
# What is drawn, and how often.
placements:
  - {class_name: sheep, count: [2, 5], recolour: false, since: 2001-02-03}
  - class_name: "house"
    note: >
      two lines
      of text
"""


def parse_all(inputs: Iterable[bytes]) -> int:
    """Parse each text; returns how many were good."""
    good = 0
    for data in inputs:
        began = time.thread_time()
        try:
            parse_yaml(data.decode("latin-1"))
            good += 1
        except yaml.YAMLError:
            pass
        assert time.thread_time() - began < SECONDS, data
    return good


def test_mutated_texts_are_parsed_or_refused() -> None:
    assert 0 < parse_all(mutants([TEXT], 2_000, seed=1)) < 2_000


@pytest.mark.exhaustive
@pytest.mark.timeout(3600)
def test_a_hundred_thousand_mutated_texts() -> None:
    assert 0 < parse_all(mutants([TEXT], 100_000, seed=2)) < 100_000


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param(BOMB, "aliases", id="an alias bomb"),
        pytest.param("&a [*a]", "aliases", id="a list in itself"),
        pytest.param("[" * 5_000, "deep", id="deep nesting"),
        pytest.param("x" * (MAX_CHARACTERS + 1), "characters", id="a long text"),
        pytest.param("when: 2001-99-99", "cannot be read", id="an impossible date"),
        pytest.param("? [a, b]\n: 1", "unhashable", id="a list as key"),
        pytest.param("!!python/object/apply:os.getcwd []", "constructor", id="an object"),
    ],
)
def test_what_no_person_writes_is_refused(text: str, problem: str) -> None:
    with pytest.raises(yaml.YAMLError, match=problem):
        parse_yaml(text)


def test_a_pack_says_which_file_it_was(pack_folder: Path) -> None:
    (pack_folder / "terrain.yaml").write_text(BOMB)
    with pytest.raises(PackError, match=r"terrain\.yaml"):
        load_pack(pack_folder)


@given(st.text(max_size=60) | st.binary(max_size=60).map(lambda data: data.decode("latin-1")))
@settings(deadline=None, max_examples=200)
def test_noise_is_read_or_refused(noise: str) -> None:
    with suppress(yaml.YAMLError):
        parse_yaml(noise)
