"""What is live at a target after each step, and after each step that fails."""

import errno
import json
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from detector_runtime.bundle import Bundle
from detector_runtime.errors import BundleError
from detector_runtime.released.kinds import own_contents
from detector_runtime.system.files import FolderLock
from detector_runtime.updates import installing
from detector_runtime.updates.installing import own_version

from detector_runtime import ModelUpdater, open_detector
from resources.deployment import target_program
from resources.deployment.deployment import (
    DamagedTargetError,
    DeployError,
    look_at,
    put,
    roll_back,
)

Bundles = tuple[Path, Path]


@dataclass
class HerePlace:
    """A folder whose `target_program` runs in this process: starting a Python takes a second."""

    folder: Path
    capture: pytest.CaptureFixture[str]
    brought: int = 0

    def run(self, *words: str) -> bytes:
        action, *others = words
        target_program.main(action, str(self.folder), *others)
        return self.capture.readouterr().out.encode()

    @contextmanager
    def bring(self, bundle: Path) -> Iterator[str]:
        self.brought += 1
        yield str(bundle)


@pytest.fixture
def place(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> HerePlace:
    return HerePlace(tmp_path / "models", capsys)


def version_of(bundle: Path) -> str:
    return own_version(own_contents(Bundle.load(bundle)))


def live(place: HerePlace) -> str:
    """What a program that opens the folder gets."""
    installation = ModelUpdater(place.folder).models.installation()
    assert installation is not None
    with open_detector(place.folder) as detector:
        assert detector.source.kind == "bundle"
    return installation.current.version


def test_models_follow_each_other_and_back(place: HerePlace, bundles: Bundles) -> None:
    first, second = bundles
    before = look_at(place)
    assert (before.exists, before.current, before.earlier) == (False, None, ())
    assert not place.folder.exists()

    result = put(place, first, "user@desk")
    current = result.state.current
    assert current is not None
    assert current.version == version_of(first) == live(place)
    assert current.installed_by == "user@desk"
    assert current.files == {
        name: one.sha256 for name, one in Bundle.load(first).manifest.files.items()
    }
    assert result.state.smoke is not None
    assert result.state.smoke.source == str(Bundle.load(first).open().facts.source)
    assert not result.was_live

    assert put(place, first, "bob@desk").was_live
    assert place.brought == 1

    state = put(place, second, "bob@desk").state
    assert live(place) == version_of(second)
    assert [one.version for one in state.earlier] == [version_of(first)]

    back = roll_back(place)
    assert back.current is not None
    assert back.current.version == version_of(first) == live(place)
    assert back.current.installed_by == "user@desk"

    # What is there already is not brought again.
    put(place, second, "bob@desk")
    assert (live(place), place.brought) == (version_of(second), 2)


def test_going_back_twice_over_a_broken_line_goes_back_once(
    place: HerePlace, bundles: Bundles
) -> None:
    for bundle in bundles:
        put(place, bundle, "user@desk")
    first, second = map(version_of, bundles)
    for _ in range(2):
        assert b'"problem"' not in place.run("rollback", second)
    assert live(place) == first


def test_with_none_before_the_model_stays(place: HerePlace, bundles: Bundles) -> None:
    with pytest.raises(DeployError, match="Nothing is deployed"):
        roll_back(place)
    put(place, bundles[0], "user@desk")
    with pytest.raises(DeployError, match=r"no model in .* to go back to"):
        roll_back(place)
    assert live(place) == version_of(bundles[0])


def test_a_damaged_bundle_goes_nowhere(place: HerePlace, bundles: Bundles, tmp_path: Path) -> None:
    put(place, bundles[0], "user@desk")
    bad = shutil.copytree(bundles[1], tmp_path / "bad")
    content = bytearray((bad / "model.onnx").read_bytes())
    content[40] ^= 1
    (bad / "model.onnx").unlink()
    (bad / "model.onnx").write_bytes(content)
    with pytest.raises(BundleError):
        put(place, bad, "user@desk")
    assert (live(place), place.brought) == (version_of(bundles[0]), 1)


def test_what_arrives_otherwise_is_refused_there(
    place: HerePlace, bundles: Bundles, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(place, bundles[0], "user@desk")

    @contextmanager
    def truncated(bundle: Path) -> Iterator[str]:
        bundle.write_bytes(bundle.read_bytes()[:-100])
        yield str(bundle)

    monkeypatch.setattr(place, "bring", truncated)
    with pytest.raises(DeployError, match="At the target"):
        put(place, bundles[1], "user@desk")
    assert live(place) == version_of(bundles[0])


def test_a_bundle_on_its_way_has_the_same_bytes_each_time(
    place: HerePlace, bundles: Bundles, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a transfer that broke could not go on."""
    sent: list[bytes] = []

    @contextmanager
    def noted(bundle: Path) -> Iterator[str]:
        sent.append(bundle.read_bytes())
        yield str(bundle)

    monkeypatch.setattr(place, "bring", noted)
    put(place, bundles[0], "user@desk")
    shutil.rmtree(place.folder)
    with monkeypatch.context() as patch:
        patch.setattr(time, "localtime", lambda *_: time.gmtime(10**9))
        put(place, bundles[0], "user@desk")
    first, second = sent
    assert first == second


def test_a_model_that_does_not_look_at_a_frame_is_not_switched_to(
    place: HerePlace, bundles: Bundles, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_model: Path) -> None:
        raise RuntimeError("illegal instruction")

    put(place, bundles[0], "user@desk")
    with monkeypatch.context() as patch:
        patch.setattr(target_program, "_look_at_frame", broken)
        with pytest.raises(DeployError, match="illegal instruction"):
            put(place, bundles[1], "user@desk")
    assert live(place) == version_of(bundles[0])

    put(place, bundles[1], "user@desk")
    monkeypatch.setattr(target_program, "_look_at_frame", broken)
    with pytest.raises(DeployError, match="illegal instruction"):
        roll_back(place)
    assert live(place) == version_of(bundles[1])


def test_another_deployment_at_the_same_time_is_seen(
    place: HerePlace, bundles: Bundles, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = place.run

    def overtaken(*words: str) -> bytes:
        said = run(*words)
        if words[0] != "use":
            return said
        ModelUpdater(place.folder).use(bundles[1])
        return run("look")

    monkeypatch.setattr(place, "run", overtaken)
    with pytest.raises(DeployError, match="does not use"):
        put(place, bundles[0], "user@desk")


def test_a_full_disk_is_told_before_anything_is_sent(
    place: HerePlace, bundles: Bundles, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(place, bundles[0], "user@desk")
    used = shutil.disk_usage(place.folder)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: used._replace(free=1 << 20))
    with pytest.raises(DeployError, match="needs 64 MB, and 1 MB are free"):
        put(place, bundles[1], "user@desk")
    assert (live(place), place.brought) == (version_of(bundles[0]), 1)


def test_a_disk_that_fills_up_there_keeps_what_it_has(
    place: HerePlace, bundles: Bundles, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(place, bundles[0], "user@desk")

    def full(_file: Path, _content: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(installing, "write_durably", full)
        with pytest.raises(DeployError, match="No space left on device") as caught:
            put(place, bundles[1], "user@desk")
    assert "Make room" in caught.value.fix
    assert live(place) == version_of(bundles[0])
    put(place, bundles[1], "user@desk")
    assert live(place) == version_of(bundles[1])


def test_a_damaged_model_before_is_not_gone_back_to(place: HerePlace, bundles: Bundles) -> None:
    for bundle in bundles:
        put(place, bundle, "user@desk")
    model = place.folder / "versions" / version_of(bundles[0]) / "model.onnx"
    model.write_bytes(model.read_bytes()[:-1] + b"?")
    with pytest.raises(DeployError, match="At the target"):
        roll_back(place)
    assert live(place) == version_of(bundles[1])


def test_a_busy_folder_keeps_what_it_has(
    place: HerePlace, bundles: Bundles, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(place, bundles[0], "user@desk")
    hold = FolderLock.hold
    monkeypatch.setattr(FolderLock, "hold", lambda lock, _patience=0.0: hold(lock))
    with (
        FolderLock(place.folder).hold(),
        pytest.raises(DeployError, match="another program is changing"),
    ):
        put(place, bundles[1], "user@desk")
    assert live(place) == version_of(bundles[0])


def test_a_damaged_model_is_seen_and_mended(place: HerePlace, bundles: Bundles) -> None:
    put(place, bundles[0], "user@desk")
    model = place.folder / "versions" / version_of(bundles[0]) / "model.onnx"
    model.write_bytes(model.read_bytes()[:-1] + b"?")
    found = look_at(place).current
    assert found is not None
    assert found.files is None
    assert not put(place, bundles[0], "user@desk").was_live
    assert live(place) == version_of(bundles[0])


def test_a_manifest_that_was_changed_there_is_seen_and_mended(
    place: HerePlace, bundles: Bundles
) -> None:
    """It lists the digests of all files but its own, and says which detections count."""
    put(place, bundles[0], "user@desk")
    file = place.folder / "versions" / version_of(bundles[0]) / "bundle.json"
    content = file.read_bytes()
    changed = json.loads(content)
    changed["thresholds"]["default"] = 0.99
    file.write_text(json.dumps(changed), "utf-8")

    current = look_at(place).current
    assert current is not None
    assert current.files is None

    assert not put(place, bundles[0], "user@desk").was_live
    assert live(place) == version_of(bundles[0])
    assert file.read_bytes() == content


def test_a_folder_that_cannot_say_what_it_uses_is_told_and_mended(
    place: HerePlace, bundles: Bundles
) -> None:
    put(place, bundles[0], "user@desk")
    current = place.folder / "current.json"
    current.write_text("{", "utf-8")
    for ask in (look_at, roll_back, lambda where: put(where, bundles[0], "user@desk")):
        with pytest.raises(DamagedTargetError, match=r"current\.json cannot be read") as caught:
            ask(place)
        assert f"Remove {current} there" in caught.value.fix
    sent = place.brought
    current.unlink()
    put(place, bundles[0], "user@desk")
    assert (live(place), place.brought) == (version_of(bundles[0]), sent)


def test_a_folder_that_is_none_is_told(place: HerePlace, bundles: Bundles) -> None:
    place.folder.write_text("a file", "utf-8")
    with pytest.raises(DeployError, match="File exists") as caught:
        put(place, bundles[0], "user@desk")
    assert "may write there" in caught.value.fix
    assert place.folder.read_text("utf-8") == "a file"


def test_an_old_runtime_is_told(
    place: HerePlace, bundles: Bundles, monkeypatch: pytest.MonkeyPatch
) -> None:
    def of_before(self: ModelUpdater, model: Path) -> None:
        raise AssertionError

    monkeypatch.setattr(ModelUpdater, "use", of_before)
    with pytest.raises(DeployError, match="too old to be deployed to") as caught:
        put(place, bundles[0], "user@desk")
    assert "pip install --upgrade detector-runtime" in caught.value.fix


def test_what_libraries_print_there_is_no_answer(
    place: HerePlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = place.run
    monkeypatch.setattr(place, "run", lambda *words: b"a warning" + run(*words))
    assert look_at(place).current is None


def test_an_answer_of_something_else_is_told(
    place: HerePlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(place, "run", lambda *_: b"Welcome!\n")
    with pytest.raises(DeployError, match=r"answered 'Welcome!'"):
        look_at(place)
