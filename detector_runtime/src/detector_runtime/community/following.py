"""The community model in use in a folder, exchanged for each newer one.

A model of the user's own is used until one is published that was trained later.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass

from detector_runtime.classify.chain import ChainSettings, IconMatch, MatchingChain
from detector_runtime.classify.classifier import Classification
from detector_runtime.classify.community_model import CommunityModel
from detector_runtime.classify.templates import IconTemplates
from detector_runtime.classify.text import TextMatch
from detector_runtime.errors import (
    ConfigurationError,
    DetectorError,
    ModelLoadError,
    UpdateError,
)
from detector_runtime.images import Color, ImageLike
from detector_runtime.models.onnx import OnnxOptions
from detector_runtime.released.kinds import COMMUNITY
from detector_runtime.system.forks import enrol
from detector_runtime.updates.checking import UpdatePolicy
from detector_runtime.updates.reloading import ModelInUse, Watcher
from detector_runtime.updates.updater import FIRST_PATIENCE, ModelUpdater

FIRST_CHECK = 15.0
"""Seconds after the start before anybody is asked for a newer model: a program starts first."""

logger = logging.getLogger("detector_runtime")


def follow_community_model(
    folder: str | os.PathLike[str],
    source: str | os.PathLike[str] | None = None,
    channel: str | None = None,
    keys: str | os.PathLike[str] | None = None,
    *,
    policy: UpdatePolicy | None = None,
    templates: IconTemplates | None = None,
    settings: ChainSettings | None = None,
    options: OnnxOptions | None = None,
    watch: bool = True,
) -> CommunityClassifiers:
    """The community model of a folder, exchanged for each newer one by itself.

    Where there is none yet, or a file of it is missing, it is fetched at once; else the first check
    is 15 seconds after the start, and there is at most one a day. Where nothing but a classifier of
    screens is missing and nobody has it, icons and texts are named without it until it is there.

    Args:
        folder, source, channel, keys: see `ModelUpdater`.
        policy: None replaces a model of the user's own by one that was trained later.
        templates: reference icons, for the matching chain.
        settings: of that.
        options: how its classifiers run.
        watch: whether newer models are looked for; else only what other programs bring is used.

    Raises:
        UpdateError: no model is there, and none could be fetched.
        ModelLoadError: neither the model in use nor one before it can be opened.
        ConfigurationError: the folder keeps a detector, or an address cannot be used.
    """
    chosen = policy or UpdatePolicy(own_models="replace older")
    updater = ModelUpdater(folder, source, channel, keys, policy=chosen)
    _make_whole(updater)
    return CommunityClassifiers(
        updater, templates, settings or ChainSettings(), options or OnnxOptions(), watch=watch
    )


@dataclass(frozen=True)
class _Used:
    """A model with its chain."""

    model: CommunityModel
    chain: MatchingChain

    @property
    def is_whole(self) -> bool:
        """Whether it is used with all that it has."""
        return self.model.screens is not None or not self.model.manifest.has_screens


class CommunityClassifiers:
    """What a community model knows, whichever is in use. Made by `follow_community_model`.

    Safe to call from several threads: a call ends with the model that it began with.
    """

    def __init__(
        self,
        updater: ModelUpdater,
        templates: IconTemplates | None,
        settings: ChainSettings,
        options: OnnxOptions,
        *,
        watch: bool,
    ) -> None:
        self._updater, self._options = updater, options
        self._templates, self._settings = templates, settings
        self._in_use = ModelInUse(updater, COMMUNITY, options)
        self._used = self._with_chain(self._first(), None)
        self._answered = False
        self._watch = watch
        self._confirming = threading.Lock()
        self._watcher = self._begun_watcher()
        enrol(self)

    @property
    def model(self) -> CommunityModel:
        """The model in use at this moment."""
        return self._used.model

    def match(self, crops: Sequence[ImageLike], color: Color = "rgb") -> list[IconMatch]:
        """What icon each crop shows; see `MatchingChain.match`."""
        found = self._used.chain.match(crops, color)
        self._answered = True
        return found

    def confirm(self, name: str, crop: ImageLike, color: Color = "rgb") -> None:
        """Keep a crop whose name the user confirmed, for the rest of this session."""
        with self._confirming:
            self._used.chain.confirm(name, crop, color)

    def screen_type(self, screen: ImageLike, color: Color = "rgb") -> Classification | None:
        """What kind of screen this is; None where the model tells none apart."""
        screens = self._used.model.screens
        return None if screens is None else screens.classify([screen], color)[0]

    def read_text(self, slot: str, read: str, valid: Sequence[str] = ()) -> TextMatch:
        """What a text says; see `TextMatcher.match`."""
        return self._used.model.texts(slot, valid).match(read)

    def look_for_another_model(self) -> None:
        """Go on with the model that is in use in the folder by now, if it is another one."""
        before = self._used
        try:
            found = self._in_use.another(again=not before.is_whole)
        except DetectorError as error:
            logger.warning("The next community model cannot be used: %s", error)
            return
        if found is None:
            return
        installed, model = found
        # The one before is freed when the last call that uses it has ended.
        with self._confirming:
            self._used = self._with_chain(model, before.chain)
        self._in_use.take(installed)
        self._answered = False
        logger.info("Using community model %s", installed.name)

    def note_that_it_worked(self) -> None:
        """Remember that the model answered, for `ModelUpdater.rollback`."""
        if self._answered:
            self._in_use.note_that_it_worked()

    def close(self) -> None:
        """Ends the thread and frees the model; this is of no use afterwards."""
        self._watcher.end()
        self.note_that_it_worked()
        self._used.model.close()

    def after_fork(self) -> None:
        """Goes on in a forked process, with a thread of its own."""
        self._confirming = threading.Lock()
        self._watcher = self._begun_watcher()

    def _begun_watcher(self) -> Watcher:
        watcher = Watcher(self, self._updater, asks=self._watch, first_check=FIRST_CHECK)
        watcher.begin()
        return watcher

    def _first(self) -> CommunityModel:
        """The model in use, without its classifier of screens where the rest alone is sound."""
        try:
            return self._in_use.first()
        except (ModelLoadError, UpdateError) as error:
            installation = self._updater.models.installation()
            if installation is None:
                raise
            folder = self._updater.models.path_of(installation.current)
            try:
                model = CommunityModel.load(folder, self._options, with_screens=False)
            except ModelLoadError:
                raise error from None
            logger.warning("No screens are told apart: %s", error)
            self._in_use.take(installation.current)
            return model

    def _with_chain(self, model: CommunityModel, before: MatchingChain | None) -> _Used:
        chain = model.chain(self._templates, self._settings)
        if before is not None:
            chain.take_examples(before)
        return _Used(model, chain)


def _make_whole(updater: ModelUpdater) -> None:
    """Fetch at once what is missing, a classifier of screens for example.

    Where another program is fetching it, that is waited for.

    Raises:
        UpdateError: there is no model at all, and none could be fetched.
        ConfigurationError: nor does anything say from where.
    """
    installation = updater.models.installation()
    if installation is not None and updater.models.holds(installation.current):
        return
    try:
        result = updater.check(now=True, patience=FIRST_PATIENCE)
    except ConfigurationError:
        # A model of the user's own, for example, in a folder that follows nobody.
        if installation is None:
            raise
        return
    if updater.models.installation() is None:
        raise result.error or UpdateError(
            f"there is no community model in {updater.models.folder}: {result.message}",
            "Fetch one: detector-runtime update FOLDER --source ADDRESS",
        )
