"""What the player's loop holds: it hands over what it sees, and takes newer weights.

    with Shadow.start(task) as shadow:
        while playing:
            shadow.watch(Tick(...))  # never waits
            shadow.exchange(player)  # between two actions

A trainer that fails or dies says so once, in `trouble`; play goes on with the weights in use.
"""

from __future__ import annotations

import multiprocessing
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import TracebackType

from detector_runtime.errors import ModelLoadError
from detector_runtime.policies.networks import ROLES, PolicyNetworks
from detector_runtime.policies.player import PolicyPlayer

from pipeline.errors import OutpostError
from pipeline.play.policies.onnx_files import onnx_file
from pipeline.play.shadow.moments import Tick
from pipeline.play.shadow.trainer import Failed, Finished, Learned, TrainerTask, run_trainer

BACKLOG = 4000
"""Ticks that wait while the trainer is at work: more than three minutes of play."""
AT_ONCE, SECONDS_BETWEEN = 10, 0.02
"""Ticks that are sent together, few because Python's lock is held for so long; and how often."""
GO_ON = (
    "Play goes on with the weights in use. Start shadow learning again with the same folder: it "
    "goes on from its last checkpoint."
)
OnLearned = Callable[[Learned], None]
"""Is told in a thread of its own; must be quick."""


class ShadowError(OutpostError):
    """Shadow learning that has come to an end; play has not."""


class Shadow:
    """A trainer beside somebody's play.

    Attributes:
        trouble: why nothing is learned any more; None while all is well.
        missed: ticks that were not watched, because too many waited.
        networks: the newest weights.
    """

    def __init__(
        self,
        process: BaseProcess,
        networks: PolicyNetworks,
        on_learned: OnLearned,
    ) -> None:
        """Use `start`."""
        self.trouble: ShadowError | None = None
        self.missed = 0
        self.networks = networks
        self._process = process
        self._waiting: deque[Tick] = deque()
        self._used: PolicyNetworks | None = None
        self._on_learned = on_learned
        self._ready = threading.Event()
        self._is_over = threading.Event()
        self._is_closing = False
        self._is_ended = False

    @classmethod
    def start(cls, task: TrainerTask, on_learned: OnLearned = lambda _news: None) -> Shadow:
        """Start a trainer; returns when it can learn, or has failed.

        Raises:
            ModelLoadError: the policies are absent, damaged, or made for something else.
        """
        networks = PolicyNetworks.load(task.policies)
        context = multiprocessing.get_context("spawn")
        heard, ticks = context.Pipe(duplex=False)
        news, told = context.Pipe(duplex=False)
        process = context.Process(target=run_trainer, args=(heard, told), daemon=True)
        process.start()
        heard.close()
        told.close()
        shadow = cls(process, networks, on_learned)
        threading.Thread(target=shadow._listen, args=(news, task), daemon=True).start()
        # Not with the arguments: to start a process waits for ever where it dies over large ones.
        threading.Thread(target=shadow._send, args=(ticks, task), daemon=True).start()
        shadow._ready.wait()
        return shadow

    def watch(self, tick: Tick, *, patient: bool = False) -> None:
        """Hand over a tick, which is copied.

        Args:
            patient: wait while too many ticks wait; for play that is not live.
        """
        if self.trouble is not None:
            return
        own = Tick(
            tick.session, tick.entities.copy(), tick.status.copy(), tick.action.copy(), tick.goal
        )
        while patient and len(self._waiting) >= BACKLOG and self.trouble is None:
            time.sleep(SECONDS_BETWEEN)
        if len(self._waiting) < BACKLOG:
            self._waiting.append(own)  # Without any lock: another thread sends it.
        else:
            self.missed += 1

    def exchange(self, player: PolicyPlayer) -> bool:
        """Give a player the newest weights, between two of its actions; whether there were any."""
        newest = self.networks
        if newest is self._used:
            return False
        player.exchange(newest)
        self._used = newest
        return True

    def close(self, seconds: float = 600.0) -> None:
        """Let the trainer learn from all that it has been given, and end it.

        Args:
            seconds: after which it is ended in any case.
        """
        self._is_ended = True
        self._is_over.wait(seconds)
        self._is_closing = True
        self._process.terminate()
        self._process.join()

    def __enter__(self) -> Shadow:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close(600.0 if kind is None else 0.0)

    def _send(self, ticks: Connection, task: TrainerTask) -> None:
        """Send the task, what waits, and an empty list at the end; waits while the trainer does."""
        try:
            ticks.send(task)
            while not self._is_over.is_set():
                is_ended = self._is_ended
                count = min(AT_ONCE, len(self._waiting))
                some = [self._waiting.popleft() for _ in range(count)]
                if some or is_ended:
                    ticks.send(some)
                else:
                    time.sleep(SECONDS_BETWEEN)
                if is_ended and not some:
                    return
        except OSError:  # The trainer is gone, of which `_listen` tells.
            pass
        finally:
            ticks.close()

    def _listen(self, news: Connection, task: TrainerTask) -> None:
        try:
            while not isinstance(told := news.recv(), Finished):
                if isinstance(told, Failed):
                    self.trouble = ShadowError(told.problem, f"{told.fix} Play goes on meanwhile.")
                    break
                if isinstance(told, Learned):
                    self._take(told)
                else:
                    self.networks = open_for_exchange(task.folder)
                    self._ready.set()
        except ModelLoadError as error:
            self.trouble = ShadowError(str(error), GO_ON)
        except (EOFError, OSError):
            self._process.join()
            if not self._is_closing:
                self.trouble = ShadowError(
                    "The process that learns has ended by itself (exit code "
                    f"{self._process.exitcode}).",
                    GO_ON,
                )
        finally:
            self._ready.set()
            self._is_over.set()

    def _take(self, told: Learned) -> None:
        if told.weights is not None:
            self.networks = self.networks.with_weights({told.role: told.weights})
        self._on_learned(told)


def open_for_exchange(policies: Path) -> PolicyNetworks:
    """Policies whose weights can be given with each question (ONNX: inputs with defaults).

    To open others holds Python's lock for milliseconds each; this takes none.

    Raises:
        ModelLoadError: they are absent, damaged, or made for something else.
    """
    import onnx

    PolicyNetworks.load(policies)
    with tempfile.TemporaryDirectory() as folder:
        for role in ROLES:
            model = onnx.load(str(onnx_file(policies, role)))
            model.graph.input.extend(
                onnx.helper.make_tensor_value_info(one.name, one.data_type, one.dims)
                for one in model.graph.initializer
            )
            onnx.save(model, str(onnx_file(Path(folder), role)))
        return PolicyNetworks.load(folder)
