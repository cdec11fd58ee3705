"""Private keys of all kinds, made by ssh-keygen and let in by a real server."""

import logging
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519
from doubles.agents import (
    SecurityKey,
    add_to_agent,
    agent_that_refuses,
    agent_with_security_keys,
    needs_agent,
    ssh_agent,
)
from doubles.gpu_jobs import QUICK, SPEC, gpu_python, training_program, write_small_job
from doubles.renting import renting
from doubles.sshd import SshMachine, needs_sshd, running_sshd

from resources.gpu.clouds.base import SshAddress
from resources.gpu.hosts.host_keys import known_host
from resources.gpu.hosts.keys import (
    PASSPHRASE_VARIABLE,
    SshKeyError,
    own_key,
    public_line,
    read_key,
)
from resources.gpu.hosts.ssh import Login, connect
from resources.gpu.leases.ssh_host import SshHostProvider, SshHostSettings

pytestmark = needs_sshd
slow = pytest.mark.slow
PASSPHRASE = "correct horse 'battery' $taple"


@pytest.fixture(autouse=True)
def nobody_helps(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SSH_AUTH_SOCK", PASSPHRASE_VARIABLE):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def socket() -> Iterator[Path]:
    """In a folder with a short name: sockets cannot have long ones."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder) / "agent"


@dataclass(frozen=True)
class Account:
    """A machine that lets in whatever is put into its file of keys."""

    machine: SshMachine
    folder: Path

    def lets_in(self, file: Path) -> bool:
        """Whether a login with this key succeeds; raises why it does not."""
        key = read_key(file)
        self.machine.authorized_keys.write_text(public_line(key) + "\n")
        connect(Login(self.address, key, known_host(self.known_hosts, self.address))).close()
        return True

    @property
    def address(self) -> SshAddress:
        return SshAddress(self.machine.host, self.machine.port, self.machine.user)

    @property
    def known_hosts(self) -> Path:
        return self.machine.write_known_hosts(self.folder / "known_hosts")


@pytest.fixture
def account(tmp_path: Path) -> Iterator[Account]:
    with running_sshd(tmp_path / "machine", "") as machine:
        yield Account(machine, tmp_path)


def keygen(file: Path, kind: str, form: str = "", passphrase: str = "") -> Path:
    options = ["-m", form] if form else []
    command = ["ssh-keygen", "-q", "-t", kind, *options, "-N", passphrase, "-f", str(file)]
    subprocess.run(command, check=True)
    return file


def pkcs8(file: Path, passphrase: str = "") -> Path:
    """ed25519, which ssh-keygen does not write in this format."""
    lock: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if passphrase:
        lock = serialization.BestAvailableEncryption(passphrase.encode())
    file.write_bytes(
        ed25519.Ed25519PrivateKey.generate().private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            lock,
        )
    )
    return file


FORMS = [
    ("ed25519", ""),
    ("rsa", ""),
    ("ecdsa", ""),
    ("rsa", "PEM"),
    ("ecdsa", "PEM"),
    ("rsa", "PKCS8"),
    ("ecdsa", "PKCS8"),
]


@pytest.mark.parametrize("passphrase", ["", PASSPHRASE], ids=["open", "locked"])
@pytest.mark.parametrize(("kind", "form"), FORMS)
def test_keys_of_every_kind_and_format_log_in(
    account: Account,
    tmp_path: Path,
    kind: str,
    form: str,
    passphrase: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file = keygen(tmp_path / "key", kind, form, passphrase)
    monkeypatch.setenv(PASSPHRASE_VARIABLE, passphrase or "not asked for")

    assert account.lets_in(file)


@pytest.mark.parametrize("passphrase", ["", PASSPHRASE], ids=["open", "locked"])
def test_ed25519_in_pkcs8_logs_in(
    account: Account, tmp_path: Path, passphrase: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PASSPHRASE_VARIABLE, passphrase)

    assert account.lets_in(pkcs8(tmp_path / "key", passphrase))


def test_a_file_that_came_by_windows_is_read(account: Account, tmp_path: Path) -> None:
    file = keygen(tmp_path / "key", "ed25519")
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes().replace(b"\n", b"\r\n").rstrip())

    assert account.lets_in(file)


@needs_agent
@pytest.mark.parametrize(("kind", "form"), [FORMS[0], FORMS[1], FORMS[2], FORMS[6]])
def test_the_agent_signs_for_a_locked_key(
    account: Account,
    tmp_path: Path,
    socket: Path,
    kind: str,
    form: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file = keygen(tmp_path / "key", kind, form, PASSPHRASE.replace("'", ""))
    monkeypatch.setenv("SSH_AUTH_SOCK", str(socket))
    with ssh_agent(socket):
        add_to_agent(socket, file, PASSPHRASE.replace("'", ""))

        assert account.lets_in(file)
        assert account.lets_in(file.with_name("key.pub")), "as `ssh -i key.pub` does"


@pytest.mark.parametrize(
    "kind", ["sk-ssh-ed25519@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com"]
)
def test_the_agent_signs_by_a_security_key(
    account: Account, tmp_path: Path, socket: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = SecurityKey(kind)
    file = key.write(tmp_path / "key")
    monkeypatch.setenv("SSH_AUTH_SOCK", str(socket))
    with agent_with_security_keys(socket, SecurityKey(kind), key):
        assert account.lets_in(file)
        assert key.counter == 1
        key.touched = False
        with pytest.raises(SshKeyError, match="did not sign") as caught:
            account.lets_in(file)
        assert "Touch" in caught.value.fix

    with pytest.raises(SshKeyError, match=r"in hardware.*does not hold it"):
        read_key(file)


@needs_agent
def test_an_agent_that_loses_the_key_is_named(
    account: Account, tmp_path: Path, socket: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = keygen(tmp_path / "key", "ed25519", passphrase="five5")
    monkeypatch.setenv("SSH_AUTH_SOCK", str(socket))
    with ssh_agent(socket):
        add_to_agent(socket, file, "five5")
        key = read_key(file)

    with pytest.raises(SshKeyError, match="does not hold the ssh-ed25519 key any more"):
        connect(Login(account.address, key, known_host(account.known_hosts, account.address)))


# What cannot be used says why


def write(file: Path, content: bytes | str) -> Path:
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return file


def foreign(file: Path, private: object) -> Path:
    return write(
        file,
        private.private_bytes(  # type: ignore[attr-defined]
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ),
    )


def test_a_locked_key_without_its_passphrase_says_both_ways(tmp_path: Path) -> None:
    for number, (kind, form) in enumerate(FORMS):
        file = keygen(tmp_path / f"key{number}", kind, form, "five5")

        with pytest.raises(SshKeyError, match="has a passphrase, and no SSH agent") as caught:
            read_key(file)

        assert f"ssh-add {file}" in caught.value.fix
        assert PASSPHRASE_VARIABLE in caught.value.fix


@needs_agent
def test_an_agent_without_the_key_is_told_of(
    tmp_path: Path, socket: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = keygen(tmp_path / "key", "ed25519", passphrase="five5")
    monkeypatch.setenv("SSH_AUTH_SOCK", str(socket))

    with ssh_agent(socket), pytest.raises(SshKeyError, match="the SSH agent does not hold it"):
        read_key(file)


def test_an_agent_that_lists_no_keys_is_as_good_as_none(
    tmp_path: Path, socket: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = keygen(tmp_path / "key", "ed25519", passphrase="five5")
    monkeypatch.setenv("SSH_AUTH_SOCK", str(socket))

    with agent_that_refuses(socket), pytest.raises(SshKeyError, match="does not hold it"):
        read_key(file)


@pytest.mark.slow
def test_a_wrong_passphrase_is_named_and_told_to_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv(PASSPHRASE_VARIABLE, "hunter2hunter2")
    for number, (kind, form) in enumerate(FORMS):
        file = keygen(tmp_path / f"key{number}", kind, form, "five5")

        with pytest.raises(SshKeyError, match=f"{PASSPHRASE_VARIABLE} does not open") as caught:
            read_key(file)

        assert "hunter2" not in f"{caught.value!r} {caught.value} {caught.value.fix} {caplog.text}"


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda file: file, "No such file"),
        (lambda file: write(file, "not a key\n"), "not a private SSH key"),
        (lambda file: write(file, bytes(range(256))), "not a private SSH key"),
        (
            lambda file: write(file, "PuTTY-User-Key-File-3: ssh-ed25519\n"),
            "PuTTY",
        ),
        (lambda file: foreign(file, dsa.generate_private_key(1024)), "SSH cannot use: DSA"),
        (lambda file: foreign(file, ed448.Ed448PrivateKey.generate()), "SSH cannot use: Ed448"),
        (lambda file: foreign(file, ec.generate_private_key(ec.SECP256K1())), "SSH cannot use"),
        (lambda file: keygen(file, "ed25519").with_name("key.pub"), "is a public key"),
        (lambda file: SecurityKey("sk-ssh-ed25519@openssh.com").write(file), "in hardware"),
    ],
)
def test_what_is_no_key_for_ssh_says_what_it_is(tmp_path: Path, make: object, said: str) -> None:
    file = make(tmp_path / "key")  # type: ignore[operator]

    with pytest.raises(SshKeyError, match=said) as caught:
        read_key(file)

    assert caught.value.fix


@pytest.mark.parametrize("kept", [0.2, 0.5, 0.9])
@pytest.mark.parametrize(("kind", "form"), [FORMS[0], FORMS[3], FORMS[5]])
def test_a_key_that_was_cut_short_is_refused(
    tmp_path: Path, kind: str, form: str, kept: float
) -> None:
    file = keygen(tmp_path / "key", kind, form)
    whole = file.read_bytes()
    file.write_bytes(whole[: int(len(whole) * kept)])

    with pytest.raises(SshKeyError):
        read_key(file)


# Whole jobs


@slow
@needs_agent
def test_a_whole_job_runs_by_a_key_of_the_agent(
    account: Account, tmp_path: Path, socket: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = keygen(tmp_path / "key", "ed25519", passphrase="five5")
    account.machine.authorized_keys.write_text(file.with_name("key.pub").read_text())
    account.machine.install("python3", gpu_python())
    settings = SshHostSettings(account.address, file, account.known_hosts)
    job = write_small_job(tmp_path / "job", training_program())
    monkeypatch.setenv("SSH_AUTH_SOCK", str(socket))

    with ssh_agent(socket):
        add_to_agent(socket, file, "five5")
        with SshHostProvider(settings, tmp_path / "state", QUICK).rent(SPEC) as lease:
            outputs = lease.run(job)

    assert (outputs / "best.pt").is_file()


@slow
@pytest.mark.parametrize("kind", ["rsa", "ecdsa"])
def test_a_pod_is_rented_with_a_locked_key_of_the_users(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever lays a key of their own into the state folder: it is sent along with each request."""
    with renting(tmp_path) as account:
        monkeypatch.setenv("RUNPOD_API_KEY", account.runpod.key)
        monkeypatch.setenv(PASSPHRASE_VARIABLE, PASSPHRASE)
        account.ledger.folder.mkdir(parents=True)
        keygen(account.ledger.folder / "id_ed25519", kind, passphrase=PASSPHRASE)
        job = write_small_job(tmp_path / "job", training_program())

        with account.provider().rent(SPEC) as lease:
            lease.run(job)

        assert PASSPHRASE not in str(account.runpod.created)
        account.assert_all_is_over()


def test_a_key_that_is_made_is_one_that_ssh_keygen_reads(tmp_path: Path) -> None:
    file = tmp_path / "gpu" / "id_ed25519"
    line = public_line(own_key(file))

    told = subprocess.run(["ssh-keygen", "-y", "-f", str(file)], capture_output=True, text=True)

    assert told.stdout.split()[:2] == line.split()[:2]
    assert len(line.splitlines()) == 1
    assert file.stat().st_mode & 0o077 == 0
