"""What a text in a game's interface says, from what was read of it.

Three steps, the first that knows answers:

1. `valid`: it is one of the texts that are valid there; nothing is changed then.
2. `correction`: people corrected exactly this reading before; or one that differs in capitals
   alone, where all such readings became one text.
3. `fuzzy`: one valid text is similar enough, and no other nearly as much.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from detector_runtime.checks import check_number
from detector_runtime.errors import ConfigurationError, MissingDependencyError

TextStep = Literal["valid", "correction", "fuzzy"]
ALTERNATIVES = 3
LONGEST = 1000
"""Characters of a reading that are looked at: what is longer is no name."""


@dataclass(frozen=True)
class TextMatch:
    """What a text says.

    Attributes:
        text: None: "I don't know".
        read: as it was read.
        step: which step gave the text; None where none did.
        similarity: of `text` (or of the best alternative) to the reading, after a correction to the
            corrected text; 0 to 1, where 1 is the same.
        alternatives: other valid texts with their similarity, the most similar first.
    """

    text: str | None
    read: str
    step: TextStep | None
    similarity: float
    alternatives: tuple[tuple[str, float], ...] = ()

    @property
    def was_changed(self) -> bool:
        """Whether the text is not what was read."""
        return self.text is not None and self.text != self.read


@dataclass(frozen=True)
class TextMatcher:
    """Texts of one place of an interface.

    Attributes:
        valid: texts that are valid there; empty where all are.
        corrections: what people made of readings, by the reading.
        similarity: from which on a valid text is taken for what was read, 0 to 1.
        lead: by how much it must be more similar than every other one, 0 to 1.
    """

    valid: Sequence[str]
    corrections: Mapping[str, str] = field(default_factory=dict)
    similarity: float = 0.8
    lead: float = 0.05
    _by_key: Mapping[str, str] = field(init=False, repr=False)
    _corrected: Mapping[str, str] = field(init=False, repr=False)
    _corrected_by_key: Mapping[str, str] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        check_number("similarity", self.similarity, 0.0, 1.0)
        check_number("lead", self.lead, 0.0, 1.0)
        by_key: dict[str, str] = {}
        for text in self.valid:
            if text_key(text) in by_key:
                raise ConfigurationError(
                    f"'{text}' and '{by_key[text_key(text)]}' read the same", "List one of the two."
                )
            by_key[text_key(text)] = text
        corrected = {_plain(raw): text for raw, text in sorted(self.corrections.items())}
        object.__setattr__(self, "_by_key", by_key)
        object.__setattr__(self, "_corrected", corrected)
        object.__setattr__(self, "_corrected_by_key", _with_one_meaning(corrected))

    def match(self, read: str) -> TextMatch:
        """What a reading says.

        Capitals, spaces and the ways in which Unicode writes one character make no difference.

        Raises:
            MissingDependencyError: similar texts are looked for, and rapidfuzz is not installed.
        """
        key = text_key(read)
        if not key:
            return TextMatch(None, read, None, 0.0)
        if key in self._by_key:
            return TextMatch(self._by_key[key], read, "valid", 1.0)
        corrected = self._corrected.get(_plain(read), self._corrected_by_key.get(key))
        if corrected is None:
            return self._similar(read, key, "fuzzy")
        if not self.valid or text_key(corrected) in self._by_key:
            text = self._by_key.get(text_key(corrected), corrected)
            return TextMatch(text, read, "correction", 1.0)
        # What people wrote instead is not valid any more, or was never: it is nearer at least.
        return self._similar(read, text_key(corrected), "correction")

    def _similar(self, read: str, key: str, step: TextStep) -> TextMatch:
        if not self.valid:
            return TextMatch(None, read, None, 0.0)
        extract, ratio = _rapidfuzz()
        found = extract(key, list(self._by_key), scorer=ratio, limit=ALTERNATIVES + 1)
        named = [(self._by_key[other], share) for other, share, _ in found]
        (text, best), others = named[0], tuple(named[1:])
        lead = best - (others[0][1] if others else 0.0)
        if best >= self.similarity and lead >= self.lead:
            return TextMatch(text, read, step, best, others)
        return TextMatch(None, read, None, best, tuple(named[:ALTERNATIVES]))


def _with_one_meaning(corrected: Mapping[str, str]) -> dict[str, str]:
    """Corrections of readings whatever their capitals, where all that are alike say the same.

    What some reading became is right as it is: only into itself it is corrected.
    """
    meanings: dict[str, set[str]] = {}
    for raw, text in corrected.items():
        meanings.setdefault(text_key(raw), set()).add(text)
    for text in corrected.values():
        if text_key(text) in meanings:
            meanings[text_key(text)].add(text)
    return {key: next(iter(texts)) for key, texts in meanings.items() if len(texts) == 1}


def _plain(text: str) -> str:
    """A text as votes on readings are counted: NFKC, single spaces, capitals kept."""
    return " ".join(unicodedata.normalize("NFKC", text[:LONGEST]).split())


def text_key(text: str) -> str:
    """A text without what no two names differ in: capitals, spaces, Unicode's ways to write it."""
    return _plain(_plain(text).casefold())


def _rapidfuzz() -> tuple[Callable[..., Any], Callable[..., float]]:
    """How similar texts are found, and what is similar: Indel distance, a share of both lengths."""
    try:
        from rapidfuzz.distance import Indel
        from rapidfuzz.process import extract
    except ImportError as error:
        raise MissingDependencyError(
            "similar texts are found by rapidfuzz, which is not installed",
            'pip install "detector-runtime[text]"',
        ) from error
    return extract, Indel.normalized_similarity
