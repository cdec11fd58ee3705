from __future__ import annotations

import sys
import unicodedata

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from detector_runtime.classify.text import TextMatcher
from detector_runtime.errors import ConfigurationError, MissingDependencyError

SHIPS = ("Fleet Support Cruiser", "Fleet Escort", "Science Vessel", "Tier 5", "Tier 6")
CORRECTIONS = {
    "F1eet 5upp0rt Cru1ser": "Fleet Support Cruiser",
    "Science Vessel": "Fleet Escort",
    "Fleet Escrt Retrofit": "Fleet Escort Retrofit",
}
MATCHER = TextMatcher(SHIPS, CORRECTIONS)

texts = st.text(min_size=1, max_size=12)
alike = st.text("aAsS\u017f ", min_size=1, max_size=2)


def normalised(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).split())


def test_a_valid_text_is_never_corrected_even_where_people_did() -> None:
    found = MATCHER.match("Science Vessel")
    assert (found.text, found.step, found.was_changed) == ("Science Vessel", "valid", False)


@given(st.lists(texts, min_size=1, max_size=5), st.dictionaries(texts, texts, max_size=5))
def test_no_valid_text_is_ever_changed(valid: list[str], corrections: dict[str, str]) -> None:
    try:
        matcher = TextMatcher(valid, corrections)
    except ConfigurationError:
        return
    for text in valid:
        found = matcher.match(text)
        assert found.text == text or (found.text is None and not text.strip())


@settings(deadline=None)
@given(st.lists(texts, min_size=1, max_size=5), texts)
def test_what_is_found_is_valid(valid: list[str], read: str) -> None:
    assume(len({text.casefold() for text in valid}) == len(valid))
    try:
        matcher = TextMatcher(valid)
    except ConfigurationError:
        return
    assert matcher.match(read).text in (None, *valid)


def test_people_s_correction_comes_before_what_is_similar() -> None:
    found = MATCHER.match("F1eet 5upp0rt Cru1ser")
    assert (found.text, found.step) == ("Fleet Support Cruiser", "correction")
    assert found.was_changed


def test_readings_that_differ_in_capitals_alone_keep_their_own_corrections() -> None:
    matcher = TextMatcher(SHIPS, {"tler 5": "Tier 5", "TlER 5": "Tier 6", "FLT": "Fleet Escort"})
    assert [matcher.match(read).text for read in ("tler 5", "TlER  5")] == ["Tier 5", "Tier 6"]
    assert matcher.match("Tler 5").step != "correction", "people said two things of it"
    assert matcher.match("flt").text == "Fleet Escort"


def test_what_some_reading_became_is_not_corrected_because_of_its_capitals() -> None:
    matcher = TextMatcher((), {"0nward": "onward", "ONWARD": "upward", "aha": "Aha"})
    assert matcher.match("0nward").text == "onward"
    assert matcher.match("onward").text is None
    assert matcher.match("ONWARD").text == "upward"
    assert matcher.match("AHA").text == "Aha"


@given(st.dictionaries(texts | alike, texts | alike, max_size=5))
def test_no_correction_ever_becomes_that_of_another_reading(corrections: dict[str, str]) -> None:
    """As they are voted: NFKC, single spaces, and no text that is corrected further."""
    voted = {normalised(raw): normalised(text) for raw, text in corrections.items()}
    voted = {raw: text for raw, text in voted.items() if raw and text and text not in voted}
    matcher = TextMatcher((), voted)
    for raw, text in voted.items():
        assert matcher.match(raw).text == text
        assert matcher.match(text).text in (None, text)


def test_a_correction_to_what_is_not_valid_is_a_better_reading_only() -> None:
    matcher = TextMatcher(SHIPS, CORRECTIONS, similarity=0.7)
    found = matcher.match("Fleet Escrt Retrofit")
    assert (found.text, found.step) == ("Fleet Escort", "correction")
    assert found.similarity < 1
    assert MATCHER.match("Fleet Escrt Retrofit").text is None


def test_one_similar_text_is_taken_and_the_others_are_told() -> None:
    found = MATCHER.match("Fleet Supp0rt Cruiscr")
    assert (found.text, found.step) == ("Fleet Support Cruiser", "fuzzy")
    assert 0.8 <= found.similarity < 1
    assert "Fleet Escort" in dict(found.alternatives)


def test_of_two_that_are_as_similar_none_is_taken() -> None:
    found = MATCHER.match("Tier b")
    assert (found.text, found.step) == (None, None)
    assert [text for text, _ in found.alternatives[:2]] == ["Tier 5", "Tier 6"]


@pytest.mark.parametrize("read", ["  fleet   ESCORT ", "\uff26leet Escort", "Fleet Escort\n"])
def test_capitals_spaces_and_wide_letters_make_no_difference(read: str) -> None:
    found = MATCHER.match(read)
    assert (found.text, found.step) == ("Fleet Escort", "valid")


@pytest.mark.parametrize("read", ["", " \n", "Q" * 5_000, "\u0000\ud7ff"])
def test_what_is_no_name_has_none(read: str) -> None:
    assert MATCHER.match(read).text is None


def test_where_every_text_is_valid_only_corrections_change_one() -> None:
    matcher = TextMatcher((), {"F1eet": "Fleet"})
    assert matcher.match("F1eet").text == "Fleet"
    assert matcher.match("Flee7").text is None


def test_valid_texts_that_read_the_same_are_refused() -> None:
    with pytest.raises(ConfigurationError):
        TextMatcher(("Fleet", "fleet "))


def test_without_rapidfuzz_the_other_steps_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rapidfuzz.distance", None)
    assert MATCHER.match("fleet escort").step == "valid"
    assert MATCHER.match("F1eet 5upp0rt Cru1ser").step == "correction"
    with pytest.raises(MissingDependencyError):
        MATCHER.match("Fleet Escorl")
