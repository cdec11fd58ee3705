"""Which icon a crop shows, by the first of four steps that is sure enough.

1. `override`: people agreed on what an image of this perceptual hash shows (`knowledge`). The hash
   knows no colour, so the name must also be what the reference icons come nearest to at a coarse
   look; otherwise steps 2 and 3 are asked. Where both give one other name, and it is surer than
   the votes, it wins, and `IconMatch.outvoted` says so.
2. `template`: the reference icons (`templates`).
3. `classifier`: the neural network (`classifier`), asked where the second step is not sure. Where
   the two differ, the likelier one counts.
4. `example`: crops that this session's user confirmed, where the others do not know.

Every confidence is the probability that the name is right: that of the votes, of a logistic
regression on the similarity, or of the classifier whose temperature was fitted. Two steps with one
name are wrong only where both are (`confidence.either`); a step that says otherwise takes from the
first one's (`confidence.against`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from detector_runtime.checks import check, check_number
from detector_runtime.classify.classifier import Classification, Classifier
from detector_runtime.classify.confidence import against, either
from detector_runtime.classify.hashes import perceptual_hash
from detector_runtime.classify.knowledge import KnownName
from detector_runtime.classify.templates import IconTemplates, Images, TemplateMatch, as_icons
from detector_runtime.errors import ConfigurationError
from detector_runtime.images import Color, ImageLike, load_frame

Step = Literal["override", "template", "classifier", "example"]
ALTERNATIVES = 3
"""Other names that an answer carries."""
MOST_EXAMPLES = 500
COARSE_TRUST = 0.9
"""How often the reference that is nearest at a coarse look is right, rounded down.

`outpost bench matching`, `coarse_accuracy`.
"""


@dataclass(frozen=True)
class ChainSettings:
    """From which confidence on something is believed, 0 to 1 each.

    Attributes:
        sure: a step is not checked by the next; two that agree and are as sure together outvote
            an override.
        known: an answer is given; below it the answer is "I don't know".
    """

    sure: float = 0.95
    known: float = 0.5

    def __post_init__(self) -> None:
        check_number("known", self.known, 0.0, 1.0)
        check_number("sure", self.sure, 0.0, 1.0)
        check(self.sure >= self.known, "sure", self.sure, "at least as high as known")


@dataclass(frozen=True)
class IconMatch:
    """What one crop shows.

    Attributes:
        name: None: "I don't know".
        confidence: the probability that `name` is right, 0 to 1; where it is None, that of the best
            guess, which is the first of `alternatives`.
        step: which step gave the name; None where none did.
        alternatives: other names with what speaks for each: its probability, or its similarity
            where it comes from reference icons; the best first.
        outvoted: the name that people agreed on and that lost against the images themselves.
    """

    name: str | None
    confidence: float
    step: Step | None
    alternatives: tuple[tuple[str, float], ...] = ()
    outvoted: str | None = None


@dataclass(frozen=True)
class _Guess:
    """A name of one step, and what else that step thought of."""

    step: Step
    name: str
    confidence: float
    others: tuple[tuple[str, float], ...] = ()


@dataclass
class MatchingChain:
    """Names icons. Safe to call from several threads; `confirm` from one at a time.

    Attributes:
        templates: reference icons; None without.
        classifier: of icons; None without.
        overrides: names that people agreed on, by perceptual hash.
        settings: see there.
    """

    templates: IconTemplates | None = None
    classifier: Classifier | None = None
    overrides: Mapping[str, KnownName] = field(default_factory=dict)
    settings: ChainSettings = field(default_factory=ChainSettings)
    _examples: IconTemplates = field(default_factory=lambda: IconTemplates.of([], []))

    def __post_init__(self) -> None:
        if self.classifier is not None and self.classifier.facts.kind != "icon":
            raise ConfigurationError(
                f"{self.classifier.name} tells screens apart", "Pass the classifier of icons."
            )

    def confirm(self, name: str, crop: ImageLike, color: Color = "rgb") -> None:
        """Keep a crop whose name the user confirmed, for as long as this object lives.

        Raises:
            ImageError: it is no image.
        """
        pixels = load_frame(crop, color).rgb()
        self._examples = self._examples.with_one(name, pixels).without_oldest(MOST_EXAMPLES)

    def take_examples(self, other: MatchingChain) -> None:
        """Go on with the crops that were confirmed to another chain of this session."""
        self._examples = other._examples

    def match(self, crops: Sequence[ImageLike], color: Color = "rgb") -> list[IconMatch]:
        """What each crop shows.

        Args:
            crops: one icon each, cut out tightly, of any size.
            color: channel order of arrays.

        Raises:
            ImageError: one of them is no image.
        """
        if not crops:
            return []
        pixels = [load_frame(crop, color).rgb() for crop in crops]
        icons = as_icons(pixels)
        overrides = self._overrides(pixels)
        nearest = self.templates.nearest(icons) if self.templates else None
        answers: list[IconMatch | None] = [
            self._confirmed_override(override, None if nearest is None else nearest[place])
            for place, override in enumerate(overrides)
        ]
        open_places = [place for place, answer in enumerate(answers) if answer is None]
        if open_places:
            chosen = None if nearest is None else nearest[open_places]
            looked = self._look(
                icons[open_places],
                [pixels[place] for place in open_places],
                chosen,
                [overrides[place] for place in open_places],
            )
            for place, answer in zip(open_places, looked):  # noqa: B905
                answers[place] = answer
        return [answer for answer in answers if answer is not None]

    def _overrides(self, pixels: Sequence[Images]) -> list[KnownName | None]:
        if not self.overrides:
            return [None] * len(pixels)
        from PIL import Image

        hashes = (perceptual_hash(Image.fromarray(np.ascontiguousarray(one))) for one in pixels)
        return [self.overrides.get(one) for one in hashes]

    def _confirmed_override(
        self, override: KnownName | None, nearest: NDArray[np.intp] | None
    ) -> IconMatch | None:
        """The answer of step 1, where nothing speaks against it at a coarse look."""
        if override is None or self.templates is None or nearest is None:
            return None
        if not len(nearest) or self.templates.names[nearest[0]] != override.name:
            return None
        confidence = either(override.confidence, COARSE_TRUST)
        if confidence < self.settings.known:
            return None
        return IconMatch(override.name, confidence, "override")

    def _look(
        self,
        icons: Images,
        pixels: Sequence[Images],
        nearest: NDArray[np.intp] | None,
        overrides: Sequence[KnownName | None],
    ) -> list[IconMatch]:
        templates: list[_Guess | None] = [None] * len(icons)
        if self.templates:
            templates = [_template_guess(one) for one in self.templates.match(icons, nearest)]
        asked = [
            place
            for place, (guess, override) in enumerate(zip(templates, overrides))  # noqa: B905
            if guess is None or guess.confidence < self.settings.sure or override is not None
        ]
        classified = self._classified(pixels, asked)
        answers = []
        for place, template in enumerate(templates):
            classification = classified.get(place)
            answer = self._decide(template, classification, overrides[place])
            if answer.name is None and len(self._examples):
                answer = self._by_example(icons[place : place + 1], answer)
            answers.append(answer)
        return answers

    def _classified(
        self, pixels: Sequence[Images], places: Sequence[int]
    ) -> dict[int, Classification]:
        if self.classifier is None or not places:
            return {}
        found = self.classifier.classify([pixels[place] for place in places])
        return dict(zip(places, found))  # noqa: B905

    def _decide(
        self,
        template: _Guess | None,
        classification: Classification | None,
        override: KnownName | None,
    ) -> IconMatch:
        classifier = _classifier_guess(classification)
        best = _joined(template, classifier)
        if override is not None:
            return self._with_override(override, template, classifier, best)
        if best is None:
            return IconMatch(None, 0.0, None)
        knows = classification is None or classification.name is not None
        known = self.settings.known
        if best.confidence >= known and (knows or best.step != "classifier"):
            return _answer(best)
        # What the reference icons alone would say is not doubtful because a network agrees.
        if template is not None and template.name == best.name and template.confidence >= known:
            return _answer(replace(best, step="template"))
        guesses = ((best.name, best.confidence), *best.others)
        return IconMatch(None, best.confidence, None, guesses[: ALTERNATIVES + 1])

    def _with_override(
        self,
        override: KnownName,
        template: _Guess | None,
        classifier: _Guess | None,
        best: _Guess | None,
    ) -> IconMatch:
        both = [guess for guess in (template, classifier) if guess is not None]
        if best is None or best.name == override.name:
            confidence = override.confidence
            if best is not None:
                confidence = either(confidence, best.confidence)
            others = best.others if best else ()
            if confidence < self.settings.known:
                return IconMatch(None, confidence, None, ((override.name, confidence), *others))
            return IconMatch(override.name, confidence, "override", others)
        agreed = len(both) == 2 and both[0].name == both[1].name
        if agreed and best.confidence >= max(self.settings.sure, override.confidence):
            return IconMatch(
                best.name,
                best.confidence,
                best.step,
                ((override.name, override.confidence), *best.others)[:ALTERNATIVES],
                outvoted=override.name,
            )
        confidence = against(override.confidence, best.confidence)
        others = (
            (best.name, best.confidence),
            *(
                (one.name, one.confidence)
                for one in both
                if one.name not in (best.name, override.name)
            ),
        )
        if confidence >= self.settings.known:
            return IconMatch(override.name, confidence, "override", others)
        doubtful = sorted((*others, (override.name, confidence)), key=lambda one: -one[1])
        return IconMatch(None, doubtful[0][1], None, tuple(doubtful))

    def _by_example(self, icon: Images, unknown: IconMatch) -> IconMatch:
        example = self._examples.match(icon)[0]
        if example.confidence < self.settings.known:
            return unknown
        others = tuple(one for one in unknown.alternatives if one[0] != example.names[0])
        return IconMatch(example.names[0], example.confidence, "example", others[:ALTERNATIVES])


def _template_guess(match: TemplateMatch) -> _Guess | None:
    if not match.names:
        return None
    others = tuple(zip(match.names[1:], match.scores[1:]))[:ALTERNATIVES]  # noqa: B905
    return _Guess("template", match.names[0], match.confidence, others)


def _classifier_guess(found: Classification | None) -> _Guess | None:
    if found is None:
        return None
    name, confidence = found.alternatives[0]
    return _Guess("classifier", name, confidence, found.alternatives[1:])


def _joined(template: _Guess | None, classifier: _Guess | None) -> _Guess | None:
    """What two steps come to together."""
    if template is None or classifier is None:
        return template or classifier
    first, second = sorted((template, classifier), key=lambda one: -one.confidence)
    if first.name == second.name:
        confidence = either(first.confidence, second.confidence)
        return _Guess(first.step, first.name, confidence, first.others)
    confidence = against(first.confidence, second.confidence)
    others = ((second.name, second.confidence), *first.others)
    names = dict(reversed([one for one in others if one[0] != first.name]))
    return _Guess(first.step, first.name, confidence, tuple(names.items())[::-1][:ALTERNATIVES])


def _answer(guess: _Guess) -> IconMatch:
    return IconMatch(guess.name, guess.confidence, guess.step, guess.others)
