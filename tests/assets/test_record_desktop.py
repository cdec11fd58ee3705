"""`outpost record`: choices that cannot be end it before anything is read from the desktop."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from assets.cli.app import app
from resources.defaults import Resources
from resources.paths import Paths


@pytest.fixture
def record(tmp_path, monkeypatch):
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "XDG_SESSION_TYPE"):
        monkeypatch.delenv(name, raising=False)
    resources = Resources.of(Paths.below(tmp_path / "home"))
    return lambda *words: CliRunner().invoke(app, ["record", *words], obj=resources)


WINDOW = ("--window", "Age", "--game", "aoe2")


@pytest.mark.parametrize("words", [(), ("--window", "Age", "--whole-screen")])
def test_a_window_or_the_whole_screen_is_named(record, words):
    done = record("--game", "aoe2", *words)
    assert done.exit_code == 2
    assert "--whole-screen" in done.output


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--window", "Age", "--game", "../aoe2"), "name of a game"),
        (("--window", "Age", "--game", "a" * 91), "name of a game"),
        (("--window", "Age", "--game", "aoe2\n"), "name of a game"),
        ((*WINDOW, "--keys", "a,Strg+B"), "no key 'strg+b'"),
        ((*WINDOW, "--frames", "0"), "0 a second"),
        ((*WINDOW, "--frames", "nan"), "nan a second"),
        ((*WINDOW, "--looks", "100"), "100 a second"),
        ((*WINDOW, "--gigabytes", "-1"), "-1 gigabytes"),
        ((*WINDOW, "--gigabytes", "inf"), "inf gigabytes"),
        ((*WINDOW, "--start-key", "F5 + x"), "no key 'f5 + x'"),
        ((*WINDOW, "--start-key", "F6"), "named twice"),
        ((*WINDOW, "--save-key", "a", "--keys", "a,b"), "is to be recorded"),
    ],
)
def test_a_choice_that_cannot_be_is_one_clear_error(record, words, told):
    done = record(*words)
    assert done.exit_code == 1
    assert told in done.output
    assert "What to do" in done.output


@pytest.mark.skipif("sys.platform != 'linux'")
def test_without_a_display_it_says_so(record, monkeypatch):
    done = record(*WINDOW)
    assert done.exit_code == 1
    assert "DISPLAY is not set" in done.output
    monkeypatch.setenv("XDG_SESSION_TYPE", "wayland")
    assert "Xorg" in record(*WINDOW).output
