"""Curves of a training for TensorBoard, as the event files that its own library writes.

Each policy has two runs, `<role>/train` and `<role>/held_out`, so that TensorBoard draws both into
one chart. Times are seconds since the training began: equal epochs, equal bytes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipeline.play.policies.following import PolicyEpoch

EVENTS_FOLDER = "tensorboard"
NAME = "events.out.tfevents."
"""How TensorBoard knows a file; in ours a number of DIGITS follows."""
DIGITS = 5
VERSION = "brain.Event:2"
RATE = "learning rate"


class EventFiles:
    """Writes epochs as they come; begins anew, in the place of what an earlier start wrote."""

    def __init__(self, folder: Path) -> None:
        """`folder` is made when the first epoch comes."""
        self.folder = folder
        self._files: dict[str, Path] = {}

    def add(self, epoch: PolicyEpoch) -> None:
        """Append an epoch, which TensorBoard shows from then on.

        Raises:
            OSError: it cannot be written.
        """
        self._append(f"{epoch.stage}/train", epoch, {**epoch.train, RATE: epoch.rate})
        self._append(f"{epoch.stage}/held_out", epoch, epoch.held_out)

    def _append(self, run: str, epoch: PolicyEpoch, figures: dict[str, float]) -> None:
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.compat.proto.summary_pb2 import Summary

        events = [] if run in self._files else [Event(wall_time=0.0, file_version=VERSION)]
        values = [Summary.Value(tag=tag, simple_value=figures[tag]) for tag in sorted(figures)]
        summary = Summary(value=values)
        events.append(Event(wall_time=epoch.seconds, step=epoch.epoch, summary=summary))
        _write(self._file(run), events)

    def _file(self, run: str) -> Path:
        if run not in self._files:
            folder = self.folder / run
            folder.mkdir(parents=True, exist_ok=True)
            earlier = sorted(folder.glob(f"{NAME}{'[0-9]' * DIGITS}"))
            # A TensorBoard that looks on goes to the file of the next name.
            number = int(earlier[-1].name.removeprefix(NAME)) + 1 if earlier else 0
            for file in earlier:
                file.unlink()
            self._files[run] = folder / f"{NAME}{number:0{DIGITS}}"
        return self._files[run]


def _write(file: Path, events: list[Any]) -> None:
    from tensorboard.summary.writer.record_writer import RecordWriter

    with file.open("ab") as stream:
        writer = RecordWriter(stream)
        for event in events:
            writer.write(event.SerializeToString(deterministic=True))
