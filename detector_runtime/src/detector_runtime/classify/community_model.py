"""A community model: what players labelled together, as a folder of files that are used together.

model_version.json           what it is, and the digests of the others: `CommunityManifest`
icon_classifier.onnx         see `classifier`
label_map.json               {"0": name}: the classes of it once more, for other programs
icon_classifier_meta.json    how it came to be, for people
screen_classifier.onnx       where there were enough screens to train one
screen_classifier_labels.json   {"0": screen type}
text_corrections.json        {slot: {reading: text}}
knowledge.json               see `knowledge`
training_manifest.json       the digests of the crops that were used
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, field_validator

from detector_runtime.bundle import FileDigest, Score, Version
from detector_runtime.classify.chain import ChainSettings, MatchingChain
from detector_runtime.classify.classifier import Classifier
from detector_runtime.classify.knowledge import Knowledge, KnownName
from detector_runtime.classify.templates import IconTemplates
from detector_runtime.classify.text import TextMatcher
from detector_runtime.errors import CommunityModelError
from detector_runtime.folders.described import Described
from detector_runtime.models.onnx import OnnxOptions

MODEL_VERSION_FILE = "model_version.json"
ICON_CLASSIFIER_FILE = "icon_classifier.onnx"
LABEL_MAP_FILE = "label_map.json"
ICON_META_FILE = "icon_classifier_meta.json"
SCREEN_CLASSIFIER_FILE = "screen_classifier.onnx"
SCREEN_LABELS_FILE = "screen_classifier_labels.json"
CORRECTIONS_FILE = "text_corrections.json"
KNOWLEDGE_FILE = "knowledge.json"
TRAINING_MANIFEST_FILE = "training_manifest.json"
REQUIRED_FILES = (
    ICON_CLASSIFIER_FILE,
    LABEL_MAP_FILE,
    ICON_META_FILE,
    CORRECTIONS_FILE,
    KNOWLEDGE_FILE,
    TRAINING_MANIFEST_FILE,
)
SCREEN_FILES = (SCREEN_CLASSIFIER_FILE, SCREEN_LABELS_FILE)
MOST_FILES = 32
FETCH_AGAIN = "Fetch the community model again."


class CommunityManifest(BaseModel):
    """The content of `model_version.json`."""

    model_config = ConfigDict(frozen=True, extra="ignore", protected_namespaces=())

    schema_version: Literal[1] = 1
    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")
    version: str = Field(min_length=1, max_length=100)
    trained_at: AwareDatetime = Field(description="The icon classifier.")
    n_classes: int = Field(ge=1, description="Names of icons.")
    val_acc: Score | None = Field(description="Of names of people it has learned nothing from.")
    n_samples: int = Field(ge=0, description="Crops of icons that were used.")
    n_users: int = Field(ge=0, description="Installs whose crops were used.")
    screen_trained_at: AwareDatetime | None = Field(None, description="None without one.")
    screen_val_acc: Score | None = None
    screen_n_samples: int | None = Field(None, ge=0)
    files: dict[str, FileDigest] = Field(max_length=MOST_FILES)
    lineage: dict[str, str] = Field({}, description="Asset to data version.")
    min_runtime: Version = Field("0.2.0", description="Oldest detector_runtime that reads it.")

    @field_validator("files")
    @classmethod
    def _whole(cls, files: dict[str, FileDigest]) -> dict[str, FileDigest]:
        missing = sorted(set(REQUIRED_FILES) - set(files))
        if missing:
            raise ValueError(f"files does not list {', '.join(missing)}")
        unknown = sorted(set(files) - {*REQUIRED_FILES, *SCREEN_FILES})
        if unknown:
            raise ValueError(f"no community model has a file '{unknown[0]}'")
        if len(set(SCREEN_FILES) & set(files)) == 1:
            raise ValueError("a classifier of screens has a model and labels")
        return files

    @property
    def has_screens(self) -> bool:
        """Whether it tells screens apart."""
        return SCREEN_CLASSIFIER_FILE in self.files

    def to_json(self) -> str:
        """The text of `model_version.json`: sorted keys, newline at the end, the same anywhere."""
        return json.dumps(self.model_dump(mode="json"), indent=2, sort_keys=True) + "\n"


@dataclass(frozen=True)
class CommunityModel:
    """A verified community model, opened.

    Attributes:
        icons: classifier of icons.
        screens: classifier of screens; None where it has none, or none was opened.
        overrides: names that people agreed on, by perceptual hash.
        corrections: by slot, what each reading is to be replaced by.
    """

    manifest: CommunityManifest
    icons: Classifier
    screens: Classifier | None
    overrides: Mapping[str, KnownName]
    corrections: Mapping[str, Mapping[str, str]]
    _matchers: dict[str, TextMatcher] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def load(
        cls, folder: Path | str, options: OnnxOptions | None = None, *, with_screens: bool = True
    ) -> CommunityModel:
        """Open the model in a folder, every file verified.

        Args:
            options: how its classifiers run.
            with_screens: whether to open its classifier of screens too, where it has one.

        Raises:
            CommunityModelError: incomplete, altered, or its files do not fit each other.
            ModelLoadError: a classifier cannot be opened, or is none.
        """
        folder = Path(folder)
        manifest = DESCRIBED.read(folder)
        opened = {
            name: one
            for name, one in manifest.files.items()
            if with_screens or name not in SCREEN_FILES
        }
        contents = DESCRIBED.contents(folder, opened)
        icons = Classifier.load(contents[ICON_CLASSIFIER_FILE], options, kind="icon")
        _check_labels(contents[LABEL_MAP_FILE], icons, folder / LABEL_MAP_FILE)
        screens = None
        if SCREEN_CLASSIFIER_FILE in contents:
            screens = Classifier.load(contents[SCREEN_CLASSIFIER_FILE], options, kind="screen")
            _check_labels(contents[SCREEN_LABELS_FILE], screens, folder / SCREEN_LABELS_FILE)
        if len(icons.facts.classes) != manifest.n_classes:
            raise CommunityModelError(
                f"{folder} has {len(icons.facts.classes)} names of icons, not the "
                f"{manifest.n_classes} that it says",
                FETCH_AGAIN,
            )
        return cls(
            manifest,
            icons,
            screens,
            Knowledge.read(contents[KNOWLEDGE_FILE], str(folder / KNOWLEDGE_FILE)).names,
            _corrections(contents[CORRECTIONS_FILE], folder / CORRECTIONS_FILE),
        )

    def chain(
        self, templates: IconTemplates | None = None, settings: ChainSettings | None = None
    ) -> MatchingChain:
        """What names icons with this model, and with reference icons where there are any."""
        return MatchingChain(templates, self.icons, self.overrides, settings or ChainSettings())

    def texts(self, slot: str, valid: Sequence[str] = ()) -> TextMatcher:
        """What reads the texts of a slot; the same one for as long as the same are valid.

        Args:
            slot: as the game's pack calls it.
            valid: texts that are valid there; empty where all are.
        """
        texts = tuple(valid)
        made = self._matchers.get(slot)
        if made is None or made.valid != texts:
            # To make one takes fifty times as long as to ask it.
            made = TextMatcher(texts, self.corrections.get(slot, {}))
            self._matchers[slot] = made
        return made

    def try_out(self) -> None:
        """Have every classifier look at an image of noise.

        Raises:
            DetectorError: one of them cannot, or gives what is no answer.
        """
        noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
        for classifier in (self.icons, self.screens):
            if classifier is not None:
                classifier.classify([noise])

    def close(self) -> None:
        """Frees the classifiers."""
        self.icons.close()
        if self.screens is not None:
            self.screens.close()


DESCRIBED = Described(
    MODEL_VERSION_FILE, CommunityManifest, "community model", CommunityModelError, FETCH_AGAIN
)


def _check_labels(content: bytes, classifier: Classifier, file: Path) -> None:
    labels = _json(content, file)
    if labels != {str(index): name for index, name in enumerate(classifier.facts.classes)}:
        raise CommunityModelError(f"{file} names other classes than its classifier", FETCH_AGAIN)


def _corrections(content: bytes, file: Path) -> Mapping[str, Mapping[str, str]]:
    found = _json(content, file)
    if not isinstance(found, dict) or not all(
        isinstance(texts, dict) and all(isinstance(text, str) and text for text in texts.values())
        for texts in found.values()
    ):
        raise CommunityModelError(f"{file} does not say what readings become", FETCH_AGAIN)
    return found


def _json(content: bytes, file: Path) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        raise CommunityModelError(f"{file} is not JSON: {error!s:.100}", FETCH_AGAIN) from error
