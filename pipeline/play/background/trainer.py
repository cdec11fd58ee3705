"""What the player's loop holds: it hands over what it sees, and never waits.

A trainer that fails or dies says so once, in `trouble`; play goes on with the weights in use.
"""

from __future__ import annotations

import multiprocessing
import threading
import time
from collections import deque
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from detector_runtime.errors import ModelLoadError
from detector_runtime.policies.networks import PolicyNetworks

from pipeline.errors import OutpostError
from pipeline.play.background.exchange import open_for_exchange
from pipeline.play.background.messages import Failed, Finished, Ready, TrainingTask
from pipeline.play.background.process import run_trainer

BACKLOG = 4000
"""Items that wait while the trainer is at work: more than three minutes of play."""
AT_ONCE, SECONDS_BETWEEN = 10, 0.02
"""Items that are sent together, few because Python's lock is held for so long; and how often."""
GO_ON = (
    "Play goes on with the weights in use. Start the trainer again with the same folder: it goes "
    "on from its last checkpoint."
)
OnNews = Callable[[Any], None]
"""Is told in a thread of its own; must be quick."""
Item = TypeVar("Item")


class TrainerError(OutpostError):
    """A trainer that has come to an end; play has not."""


class BackgroundTrainer(Generic[Item]):
    """A process that learns beside somebody's play.

    Attributes:
        trouble: why nothing is learned any more; None while all is well.
        missed: items that were not handed over, because too many waited.
        networks: those to begin with, whose weights can be given anew.
    """

    def __init__(self, task: TrainingTask[Item], on_news: OnNews) -> None:
        """Start a trainer; returns when it can learn, or has failed.

        Raises:
            ModelLoadError: the policies are absent, damaged, or made for something else.
        """
        self.trouble: TrainerError | None = None
        self.missed = 0
        self.networks = PolicyNetworks.load(task.policies)
        self._waiting: deque[Item] = deque()
        self._on_news = on_news
        self._ready = threading.Event()
        self._is_over = threading.Event()
        self._is_closing = False
        self._is_ended = False
        context = multiprocessing.get_context("spawn")
        heard, items = context.Pipe(duplex=False)
        news, told = context.Pipe(duplex=False)
        self._process = context.Process(target=run_trainer, args=(heard, told), daemon=True)
        self._process.start()
        heard.close()
        told.close()
        threading.Thread(target=self._listen, args=(news, task.folder), daemon=True).start()
        # Not with the arguments: to start a process waits for ever where it dies over large ones.
        threading.Thread(target=self._send, args=(items, task), daemon=True).start()
        self._ready.wait()

    def give(self, item: Item, *, patient: bool = False, always: bool = False) -> bool:
        """Hand over an item that nobody changes any more.

        Args:
            patient: wait while too many items wait; for play that is not live.
            always: also while too many wait; for what is small and rare.

        Returns:
            Whether it will be learned from.
        """
        while patient and len(self._waiting) >= BACKLOG and not self._is_over.is_set():
            time.sleep(SECONDS_BETWEEN)
        if self.trouble is not None:
            return False
        is_taken = always or len(self._waiting) < BACKLOG
        if is_taken:
            self._waiting.append(item)  # Without any lock: another thread sends it.
        else:
            self.missed += 1
        return is_taken

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

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close(600.0 if kind is None else 0.0)

    def _send(self, items: Connection, task: TrainingTask[Item]) -> None:
        """Send the task, what waits, and an empty list at the end; waits while the trainer does."""
        try:
            items.send(task)
            while not self._is_over.is_set():
                is_ended = self._is_ended
                count = min(AT_ONCE, len(self._waiting))
                some = [self._waiting.popleft() for _ in range(count)]
                if some or is_ended:
                    items.send(some)
                else:
                    time.sleep(SECONDS_BETWEEN)
                if is_ended and not some:
                    return
        except OSError:  # The trainer is gone, of which `_listen` tells.
            pass
        finally:
            items.close()

    def _take(self, told: Any) -> None:
        """News, in the thread that listens."""
        self._on_news(told)

    def _hand_on(self, told: Any) -> bool:
        """Tell of news; False where whoever is told has failed, so that nobody waits for more."""
        try:
            self._take(told)
        except Exception as error:
            self.trouble = TrainerError(
                f"What is told of news has failed: {type(error).__name__}: {error}",
                f"Correct `on_news`. {GO_ON}",
            )
            return False
        return True

    def _listen(self, news: Connection, folder: Path) -> None:
        try:
            while not isinstance(told := news.recv(), Finished):
                if isinstance(told, Failed):
                    self.trouble = TrainerError(told.problem, f"{told.fix} Play goes on meanwhile.")
                    break
                if isinstance(told, Ready):
                    self.networks = open_for_exchange(folder)
                    self._ready.set()
                elif not self._hand_on(told):
                    break
        except ModelLoadError as error:
            self.trouble = TrainerError(str(error), GO_ON)
        except (EOFError, OSError):
            self._process.join()
            if not self._is_closing:
                self.trouble = TrainerError(
                    "The process that learns has ended by itself (exit code "
                    f"{self._process.exitcode}).",
                    GO_ON,
                )
        finally:
            self._ready.set()
            self._is_over.set()
