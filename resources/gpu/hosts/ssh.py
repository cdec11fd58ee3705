"""SSH connections: who may be on the other side, and commands with their exit status.

No host key is taken on trust silently: `HostKeyTrust` decides before a login is tried. Commands run
without a terminal, in `/bin/sh` whatever the account's shell is (`hosts.shell`); their
working directory is the account's, so paths are absolute.
"""

from __future__ import annotations

import logging
import shlex
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TypeVar

import paramiko

from pipeline.jobs.program.constants import SIGNAL_CODES
from resources.gpu.clouds.base import SshAddress
from resources.gpu.hosts.host_keys import HostKeyTrust, SshError
from resources.gpu.hosts.shell import Between, new_mark, through_sh

T = TypeVar("T")

# Broken lines are told by SshDroppedError, and most of them reconnected; paramiko would print each.
logging.getLogger("paramiko.transport").setLevel(logging.CRITICAL)

CONNECT_SECONDS = 15.0
SILENCE_SECONDS = 60.0
"""A connection on which nothing has come for so long is taken for dropped."""
KEEPALIVE_SECONDS = 15
FIRST_PAUSE = 0.2
"""Before a host is tried again; it doubles with each try."""
CHUNK = 1 << 20
WINDOW = 16 << 20
PACKET = 1 << 15
CIPHERS = ("aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "aes128-ctr", "aes256-ctr")
"""GCM first: it needs no digest besides, which is worth a third of the throughput."""


class SshDroppedError(SshError):
    """No connection, or one that broke; another try may succeed."""


class SshLoginError(SshError):
    """The host does not let the key in."""


class RemoteCommandError(SshError):
    """A command on the host that failed.

    Attributes:
        code: its exit status, or -1 when a signal ended it.
    """

    def __init__(self, problem: str, fix: str, code: int = -1) -> None:
        super().__init__(problem, fix)
        self.code = code


class LoginShellError(SshError):
    """The account's login shell did not run what it was given."""


@dataclass(frozen=True)
class Login:
    """Where to log in, as whom, and what the host must show."""

    address: SshAddress
    key: paramiko.PKey
    trust: HostKeyTrust


class Connection:
    """An authenticated connection.

    Attributes:
        moved: when something was last sent or received, in monotonic seconds.
    """

    def __init__(self, transport: paramiko.Transport) -> None:
        self._transport = transport
        self.moved = time.monotonic()

    def run(self, command: str, given: bytes = b"", seconds: float = SILENCE_SECONDS) -> bytes:
        """Run a command to its end and return its standard output.

        Args:
            command: for a POSIX shell, whatever the account's own is; quote with `quoted`.
            given: its standard input.
            seconds: without any output after which it is given up.

        Raises:
            RemoteCommandError: it failed; its last words are quoted.
            LoginShellError: the account's shell did not run it.
            SshDroppedError: the connection broke.
        """
        if given:
            return self.feed(command, (given,), seconds)
        output = bytearray()
        self.drain(command, output.extend, seconds)
        return bytes(output)

    def feed(
        self, command: str, chunks: Iterable[bytes], seconds: float = SILENCE_SECONDS
    ) -> bytes:
        """Run a command that first reads its standard input to the end; its standard output.

        Nothing is sent before the command has begun: start-up files of the account's shell might
        read it, or another shell take it for commands. Raises as `run` does.
        """
        with self.channel(command, seconds) as running:
            output = [running.beginning()]
            if running.between.begun:
                self._send(running.channel, chunks)
            output += running.output()
            running.finish()
        return b"".join(output)

    def drain(
        self, command: str, take: Callable[[bytes], object], seconds: float = SILENCE_SECONDS
    ) -> None:
        """Run a command and hand its standard output over, piece by piece; raises as `run` does."""
        with self.channel(command, seconds) as running:
            running.channel.shutdown_write()
            for piece in running.output():
                take(piece)
            running.finish()

    @contextmanager
    def channel(self, command: str, seconds: float = SILENCE_SECONDS) -> Iterator[_Running]:
        """Start a command; the block talks with it. Trouble with the line is a dropped line."""
        with dropped_when_broken():
            channel = self._transport.open_session(timeout=CONNECT_SECONDS)
            try:
                running = _Running(self, channel, command)
                channel.settimeout(seconds)
                with _closed_after(channel, CONNECT_SECONDS):
                    channel.exec_command(through_sh(command, running.mark))
                yield running
            finally:
                channel.close()

    @property
    def is_active(self) -> bool:
        """Whether the line still holds, as far as is known."""
        return bool(self._transport.is_active())

    def _send(self, channel: paramiko.Channel, chunks: Iterable[bytes]) -> None:
        try:
            for chunk in chunks:
                channel.sendall(chunk)
                self.moved = time.monotonic()
            channel.shutdown_write()
        except TimeoutError:
            raise
        except OSError:
            # A command that ends before it has read everything closes the channel: then it says
            # itself what was wrong. A line that breaks closes the channel as well.
            if not channel.status_event.wait(CONNECT_SECONDS):
                raise

    def close(self) -> None:
        """Close it; closing twice is fine."""
        self._transport.close()


class _Running:
    """A command that runs on a host."""

    def __init__(self, connection: Connection, channel: paramiko.Channel, command: str) -> None:
        self.connection, self.channel, self.command = connection, channel, command
        self.mark = new_mark()
        self.between = Between(self.mark)

    def beginning(self) -> bytes:
        """Wait until the command has begun, or will not any more; what it has written so far."""
        written = b""
        while not self.between.begun and (piece := self._received()):
            written += self.between.take(piece)
        return written

    def output(self) -> Iterator[bytes]:
        """What the command itself writes, to its end."""
        while piece := self._received():
            if written := self.between.take(piece):
                yield written
        if written := self.between.rest():
            yield written

    def finish(self) -> None:
        """Wait for a command whose output was read to its end, and raise if it failed."""
        said = b"".join(iter(lambda: self.channel.recv_stderr(CHUNK), b""))
        if not self.channel.status_event.wait(SILENCE_SECONDS):
            raise TimeoutError("the command does not end")
        code = self.channel.exit_status
        if code == -1 and not self.connection.is_active:
            raise EOFError("the connection broke")
        if not self.between.begun:
            self._never_began(code, said)
        if code == 0 and self.between.ended:
            return
        errors = Between(self.mark)
        words = _words_of(errors.take(said) + errors.rest())
        how = f"ended with {code}" if code else "was cut off"
        raise RemoteCommandError(
            f"On the host, `{self.command[:200]}` {how}: {words or '(nothing)'}",
            "Read what it says; `outpost gpu doctor` looks at the usual causes.",
            code,
        )

    def _never_began(self, code: int, said: bytes) -> None:
        if code == -1 or code > SIGNAL_CODES:
            raise EOFError("the account's shell was ended before it ran the command")
        words = " ".join(filter(None, (_words_of(self.between.before), _words_of(said))))
        raise LoginShellError(
            "The account's login shell does not run commands that come by SSH; it ended with "
            f"{code} and said: {words or '(nothing)'}",
            "Give the account a shell that runs `ssh HOST true`, and let no start-up file of it "
            "(~/.bashrc, config.fish, ~/.tcshrc) end it or start another one when it is not "
            "interactive.",
        )

    def _received(self) -> bytes:
        piece: bytes = self.channel.recv(CHUNK)
        if piece:
            self.connection.moved = time.monotonic()
        return piece


class RemoteHost:
    """A host that is reached again and again: a broken connection does not end the work."""

    def __init__(
        self, login: Login, patience: float, lost_because: Callable[[], str | None] = lambda: None
    ) -> None:
        """Nothing is connected yet.

        Args:
            patience: seconds without a connection after which the host is given up.
            lost_because: asked after a failure; a reason means that the host is gone for good.
        """
        self.login = login
        self.patience = patience
        self.lost_because = lost_because
        self._connection: Connection | None = None

    def call(self, act: Callable[[Connection], T]) -> T:
        """Do something over a connection, and again over a new one when that one breaks.

        `act` has to continue where it was, or do again what does no harm twice. Patience counts
        from its beginning, or from where it broke after having got on.

        Raises:
            HostLostError: the host stays away, or is known to be gone.
            SshError: as `act` raises it, or the host may not be trusted.
        """
        stood_from = time.monotonic()
        gives_up = stood_from + self.patience
        pause = FIRST_PAUSE
        while True:
            try:
                if self._connection is None:
                    self._connection = connect(self.login)
                    stood_from = time.monotonic()
                    gives_up = max(gives_up, stood_from + self.patience / 4)
                return act(self._connection)
            except SshDroppedError as error:
                moved = 0.0 if self._connection is None else self._connection.moved
                if moved - stood_from > self.patience / 4:
                    # It broke in the midst of long work, not for lack of a host.
                    gives_up, pause = time.monotonic() + self.patience, FIRST_PAUSE
                self.close()
                reason = self.lost_because()
                if reason is None and time.monotonic() > gives_up:
                    reason = f"it could not be reached for {self.patience:.0f} s ({error.problem})"
                if reason is not None:
                    raise HostLostError(
                        f"The host is lost: {reason}.", "Run it again; it continues if it can."
                    ) from error
                time.sleep(pause)
                pause = min(2 * pause, 5.0)

    def run(self, command: str, given: bytes = b"", seconds: float = SILENCE_SECONDS) -> bytes:
        """Run a command that does no harm twice; see `Connection.run`."""
        return self.call(lambda connection: connection.run(command, given, seconds))

    def close(self) -> None:
        """Close the connection, if there is one."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class HostLostError(SshError):
    """A host that will not come back."""


def connect(login: Login) -> Connection:
    """Log in.

    Raises:
        SshDroppedError: nobody answers, or not in SSH's words.
        HostKeyError: somebody else answers.
        SshLoginError: the key is not let in.
    """
    address = login.address
    with dropped_when_broken():
        line = socket.create_connection((address.host, address.port), CONNECT_SECONDS)
        _notice_silence(line)
        transport = paramiko.Transport(
            line, default_window_size=WINDOW, default_max_packet_size=PACKET
        )
        try:
            _prepare(transport, login.trust.key_types)
            transport.start_client(timeout=CONNECT_SECONDS)
            login.trust.check(transport.get_remote_server_key())
            transport.auth_publickey(address.user, login.key)
            transport.set_keepalive(KEEPALIVE_SECONDS)
        except paramiko.AuthenticationException as error:
            transport.close()
            raise SshLoginError(
                f"{address.host}:{address.port} does not let {address.user} in with this key.",
                "See that the public key is among the account's authorized keys.",
            ) from error
        except BaseException:
            transport.close()
            raise
    return Connection(transport)


@contextmanager
def dropped_when_broken() -> Iterator[None]:
    """Name the many ways in which a line breaks by one name."""
    try:
        yield
    except (OSError, EOFError, paramiko.SSHException) as error:
        if isinstance(error, paramiko.AuthenticationException):
            raise
        words = str(error) or type(error).__name__
        raise SshDroppedError(f"The SSH connection broke: {words}", "Try again.") from error


def quoted(*words: str) -> str:
    """Words as one command of a POSIX shell."""
    return shlex.join(words)


@contextmanager
def _closed_after(channel: paramiko.Channel, seconds: float) -> Iterator[None]:
    """Close a channel when the block takes too long: paramiko waits for ever for a hung host."""

    def close() -> None:
        with suppress(EOFError, OSError, paramiko.SSHException):  # It is gone already.
            channel.close()

    timer = threading.Timer(seconds, close)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _notice_silence(line: socket.socket) -> None:
    """Have the system give a line up on which nothing is acknowledged; it would wait 15 minutes."""
    linux, macos = getattr(socket, "TCP_USER_TIMEOUT", None), 0x80
    with suppress(OSError):  # not every kernel knows it
        if linux is not None:
            line.setsockopt(socket.IPPROTO_TCP, linux, int(SILENCE_SECONDS * 1000))
        elif sys.platform == "darwin":
            line.setsockopt(socket.IPPROTO_TCP, macos, int(SILENCE_SECONDS))


def _prepare(transport: paramiko.Transport, key_types: Sequence[str]) -> None:
    options = transport.get_security_options()
    options.ciphers = tuple(name for name in CIPHERS if name in options.ciphers)
    if key_types:
        options.key_types = tuple(name for name in options.key_types if name in key_types)


def _words_of(said: bytes) -> str:
    return said.decode("utf-8", errors="replace").strip()[-2000:]
