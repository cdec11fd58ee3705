"""Folders and hosts as targets: with the target's own Python, and what that may lack."""

import shutil
import sys
from pathlib import Path

import pytest
from doubles.pythons import make_venv
from doubles.sshd import SshMachine, needs_sshd

from detector_runtime import get_detector, reset_detector
from resources.deployment import places
from resources.deployment.deployment import DeployError, TargetState, look_at, put, roll_back
from resources.deployment.places import ARRIVING, FolderPlace, PlaceError, reached
from resources.deployment.targets import TargetSettings
from resources.gpu.hosts.host_keys import HostKeyError, SshError
from resources.gpu.hosts.ssh import Connection, HostLostError

Bundles = tuple[Path, Path]
OWNER = "0123abcd"
PATIENCE = 2.0


def settings_of(machine: SshMachine, python: str = sys.executable) -> TargetSettings:
    keys = machine.folder.parent
    return TargetSettings(
        place=f"{machine.user}@{machine.host}:{machine.port}:{machine.folder}/models",
        python=python,
        ssh_key=str(keys / "id_ed25519"),
        ssh_known_hosts=str(keys / "known_hosts"),
    )


def deploy(settings: TargetSettings, bundle: Path) -> TargetState:
    with reached(settings, OWNER, PATIENCE) as place:
        return put(place, bundle, "user@desk").state


def source_in(folder: Path) -> str:
    """What a program gets that opens the folder."""
    try:
        return str(get_detector(folder).source)
    finally:
        reset_detector()


def leftovers(machine: SshMachine) -> list[str]:
    return [file.name for file in (machine.folder / "models").glob(f"{ARRIVING}*")]


def with_shell(tmp_path: Path, script: str) -> str:
    """A Python that is a shell script."""
    program = tmp_path / "python"
    program.write_text(f"#!/bin/sh\n{script}\n", "utf-8")
    program.chmod(0o755)
    return str(program)


def test_a_folder_is_served_by_a_python_of_its_own(tmp_path: Path, bundles: Bundles) -> None:
    settings = TargetSettings(place=str(tmp_path / "models"))
    state = deploy(settings, bundles[0])
    assert state.smoke is not None
    assert source_in(tmp_path / "models") == state.smoke.source
    assert (state.python, state.folder) == (sys.executable, str(tmp_path / "models"))


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("echo 'Illegal instruction' >&2; exit 132", "ended with 132: Illegal instruction"),
        ("echo hello", "answered 'hello'"),
    ],
)
def test_a_python_that_ends_in_the_middle(
    tmp_path: Path, bundles: Bundles, script: str, said: str
) -> None:
    settings = TargetSettings(
        place=str(tmp_path / "models"), python=with_shell(tmp_path, f"cat > /dev/null\n{script}")
    )
    with pytest.raises((PlaceError, DeployError)) as caught:
        deploy(settings, bundles[0])
    assert said in caught.value.problem
    assert not (tmp_path / "models").exists()


def test_a_python_gets_no_secrets_and_no_modules_of_the_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python = with_shell(tmp_path, 'cat > /dev/null\necho "<$OUTPOST_API_KEY>"\nls')
    monkeypatch.setenv("OUTPOST_API_KEY", "a secret")
    monkeypatch.chdir(tmp_path)
    assert FolderPlace(tmp_path / "models", python).run("look") == b"<>\n"


def test_a_python_that_hangs(
    tmp_path: Path, bundles: Bundles, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places, "PROGRAM_SECONDS", 0.2)
    python = with_shell(tmp_path, "exec sleep 60")
    with pytest.raises(PlaceError, match="said nothing for"):
        deploy(TargetSettings(place=str(tmp_path / "models"), python=python), bundles[0])


def test_a_python_that_is_not_there(tmp_path: Path, bundles: Bundles) -> None:
    settings = TargetSettings(place=str(tmp_path / "models"), python=str(tmp_path / "nowhere"))
    with pytest.raises(PlaceError, match="There is no Python") as caught:
        deploy(settings, bundles[0])
    assert "--python PYTHON" in caught.value.fix


def test_a_python_without_the_runtime(tmp_path: Path, bundles: Bundles) -> None:
    python = make_venv(tmp_path / "venv")
    settings = TargetSettings(place=str(tmp_path / "models"), python=str(python))
    with pytest.raises(DeployError, match=r"cannot run a detector: No module named") as caught:
        deploy(settings, bundles[0])
    assert f"{python} -m pip install --upgrade detector-runtime" in caught.value.fix


@needs_sshd
def test_a_host_is_deployed_to(
    machine: SshMachine, bundles: Bundles, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a Python on its PATH; all that was on its way is gone afterwards."""
    machine.install("python3", f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    old = machine.folder / "models" / f"{ARRIVING}{OWNER}-own-of-before.zip.part"
    others = machine.folder / "models" / f"{ARRIVING}ffffffff-own-of-another.zip.part"
    old.parent.mkdir()
    for file in (old, others):
        file.write_bytes(b"a part")
    state = deploy(settings_of(machine, ""), bundles[0])
    assert state.smoke is not None
    assert source_in(machine.folder / "models") == state.smoke.source
    assert leftovers(machine) == [others.name]


@needs_sshd
def test_a_host_without_python(machine: SshMachine, bundles: Bundles) -> None:
    with pytest.raises(PlaceError, match="There is no Python /no/python at the target"):
        deploy(settings_of(machine, "/no/python"), bundles[0])


@needs_sshd
def test_a_host_that_is_another_one(machine: SshMachine, bundles: Bundles) -> None:
    machine.change_host_key()
    with pytest.raises(HostKeyError):
        deploy(settings_of(machine), bundles[0])
    (machine.folder.parent / "known_hosts").write_text("", "utf-8")
    with pytest.raises(SshError, match="does not know"):
        deploy(settings_of(machine), bundles[0])
    assert not (machine.folder / "models").exists()


@pytest.mark.slow
@needs_sshd
def test_models_follow_each_other_on_a_host(machine: SshMachine, bundles: Bundles) -> None:
    settings = settings_of(machine)
    first = deploy(settings, bundles[0]).current
    deploy(settings, bundles[1])
    with reached(settings, OWNER, PATIENCE) as place:
        back = roll_back(place)
        assert back.current is not None
        assert first is not None
        assert back.current.files == first.files
        model = machine.folder / "models" / "versions" / first.version / "model.onnx"
        model.write_bytes(model.read_bytes()[:-1] + b"?")
        damaged = look_at(place).current
    assert damaged is not None
    assert damaged.files is None


@pytest.mark.slow
@needs_sshd
@pytest.mark.parametrize("shell", ["fish", "tcsh"])
def test_a_host_with_a_shell_of_its_own(machine: SshMachine, bundles: Bundles, shell: str) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"needs {shell}: apt-get install {shell}")
    start_up = {".config/fish/config.fish": "echo Welcome\n", ".tcshrc": "echo Welcome\n"}
    machine.change_shell(shell, start_up)
    assert deploy(settings_of(machine), bundles[0]).smoke is not None
    assert leftovers(machine) == []


@pytest.mark.slow
@needs_sshd
@pytest.mark.parametrize("folder", ["", 'it\'s a "bot" $HOME `x` !1;*[a] ü'])
def test_folders_in_an_account_s_home_may_be_called_anything(
    machine: SshMachine, bundles: Bundles, folder: str
) -> None:
    place = f"{machine.user}@{machine.host}:{machine.port}:~/{folder}"
    state = deploy(settings_of(machine).model_copy(update={"place": place}), bundles[0])
    assert Path(state.folder) == machine.home / folder
    assert source_in(machine.home / folder)
    assert not list((machine.home / folder).glob(f"{ARRIVING}*"))


@pytest.mark.slow
@needs_sshd
def test_a_connection_that_is_cut_goes_on(
    machine: SshMachine, bundles: Bundles, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut: list[str] = []
    feed = Connection.feed

    def cut_once(self: Connection, command: str, chunks: object, *others: float) -> bytes:
        if ".zip.part" in command and not cut:
            cut.append(command)
            machine.drop_connections()
        return feed(self, command, chunks, *others)  # type: ignore[arg-type]

    monkeypatch.setattr(Connection, "feed", cut_once)
    assert deploy(settings_of(machine), bundles[0]).current is not None
    assert cut
    assert leftovers(machine) == []


@pytest.mark.slow
@needs_sshd
def test_a_host_that_goes_for_good_keeps_its_model(
    machine: SshMachine, bundles: Bundles, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_of(machine)
    live = deploy(settings, bundles[0]).smoke
    feed = Connection.feed

    def gone(self: Connection, command: str, chunks: object, *others: float) -> bytes:
        if ".zip.part" in command:
            machine.kill()
        return feed(self, command, chunks, *others)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(Connection, "feed", gone)
        with pytest.raises(HostLostError):
            deploy(settings, bundles[1])
    assert live is not None
    assert source_in(machine.folder / "models") == live.source
    machine.start()
    deploy(settings, bundles[1])
    assert leftovers(machine) == []


@pytest.mark.slow
@needs_sshd
def test_a_disk_that_fills_up_keeps_its_model(machine: SshMachine, bundles: Bundles) -> None:
    settings = settings_of(machine)
    live = deploy(settings, bundles[0]).smoke
    machine.install(
        "cat", "#!/bin/sh\necho 'cat: write error: No space left on device' >&2\nexit 1\n"
    )
    with pytest.raises(PlaceError, match="No space left on device") as caught:
        deploy(settings, bundles[1])
    assert "Make room on that disk" in caught.value.fix
    assert live is not None
    assert source_in(machine.folder / "models") == live.source
    assert leftovers(machine) == []


@pytest.mark.slow
@needs_sshd
def test_a_bundle_that_is_refused_there_is_removed(machine: SshMachine, bundles: Bundles) -> None:
    settings = settings_of(machine)
    (machine.folder / "models").mkdir()
    (machine.folder / "models" / "versions").write_text("a file", "utf-8")
    with pytest.raises(DeployError, match="At the target"):
        deploy(settings, bundles[0])
    assert leftovers(machine) == []
