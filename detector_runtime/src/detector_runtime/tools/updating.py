"""The commands that keep a folder's model up to date: update, status, rollback, use."""

from __future__ import annotations

import argparse
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from detector_runtime.updates.checking import Allowed
    from detector_runtime.updates.updater import ModelUpdater, UpdateStatus


def add_update_commands(commands: Any) -> None:
    """Have a parser know the commands of this module."""
    _add_update(commands)
    _add_status(commands)
    _add_rollback(commands)
    _add_use(commands)


def add_source_arguments(command: argparse.ArgumentParser) -> None:
    """Where updates come from, and whose are believed."""
    command.add_argument("--source", metavar="ADDRESS", help="http address or folder; remembered")
    command.add_argument("--channel", help="of that model; champion at first; remembered")
    command.add_argument(
        "--keys", type=Path, metavar="FILE", help="the publisher's keys.json; kept"
    )
    command.add_argument(
        "--unsigned", action="store_true", help="believe the source without keys and signatures"
    )


def updater_of(folder: Path, chosen: argparse.Namespace) -> ModelUpdater:
    """The updater that arguments of `add_source_arguments` describe.

    Raises:
        ConfigurationError: an address that cannot be used.
    """
    from detector_runtime.updates.checking import UpdatePolicy
    from detector_runtime.updates.updater import ModelUpdater

    # Of the commands that call this, `update` alone has the option.
    older = getattr(chosen, "replace_older", False)
    policy = UpdatePolicy(
        allow_unsigned=chosen.unsigned, own_models="replace older" if older else "keep"
    )
    return ModelUpdater(folder, chosen.source, chosen.channel, chosen.keys, policy=policy)


def _add_update(commands: Any) -> None:
    command = commands.add_parser("update", help="fetch and use a newer model, if there is one")
    command.add_argument("folder", type=Path, metavar="FOLDER", help="where models are kept")
    add_source_arguments(command)
    command.add_argument("--if-due", action="store_true", help="only if it is time to, once a day")
    command.add_argument("--replace-own", action="store_true", help="also a model of your own")
    command.add_argument(
        "--replace-older",
        action="store_true",
        help="also a model of your own that was trained before",
    )
    command.add_argument("--retry", action="store_true", help="also by what was refused or left")
    command.add_argument(
        "--ignore-expiry", action="store_true", help="where the clock of this computer is wrong"
    )
    command.add_argument("--json", action="store_true", help="for programs")
    command.set_defaults(run=_update)


def _add_status(commands: Any) -> None:
    command = commands.add_parser("status", help="which model a folder uses; asks nobody")
    command.add_argument("folder", type=Path, metavar="FOLDER")
    command.add_argument("--json", action="store_true", help="for programs")
    command.set_defaults(run=_status)


def _add_rollback(commands: Any) -> None:
    command = commands.add_parser("rollback", help="go back to the model that worked before")
    command.add_argument("folder", type=Path, metavar="FOLDER")
    command.set_defaults(run=_rollback)


def _add_use(commands: Any) -> None:
    command = commands.add_parser("use", help="use a model of your own, which updates leave alone")
    command.add_argument("folder", type=Path, metavar="FOLDER")
    command.add_argument(
        "model", type=Path, metavar="MODEL", help="bundle, .onnx, community model or policies"
    )
    command.set_defaults(run=_use)


def _update(chosen: argparse.Namespace) -> None:
    updater = updater_of(chosen.folder, chosen)
    with _not_logged():
        result = updater.check(now=not chosen.if_due, allow=_allowed(chosen))
    if chosen.json:
        model = None if result.model is None else result.model.model_dump(mode="json")
        error = result.error
        about = None if error is None else {"problem": error.problem, "fix": error.fix}
        values = {"outcome": result.outcome, "message": result.message}
        print(json.dumps({**values, "model": model, "error": about}, indent=2))
    elif result.error is None:
        print(f"{result.outcome}: {result.message}")
    if result.error is not None:
        raise result.error


@contextmanager
def _not_logged() -> Iterator[None]:
    """What comes of a check is printed here; logged as well, it would be there twice."""
    from detector_runtime.updates.checking import OUTCOME_LOGGER

    logger = logging.getLogger(OUTCOME_LOGGER)
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)


def _allowed(chosen: argparse.Namespace) -> list[Allowed]:
    allowed: list[Allowed] = []
    if chosen.replace_own:
        allowed.append("replace own")
    if chosen.retry:
        allowed += ["held back", "refused"]
    if chosen.ignore_expiry:
        allowed.append("expired")
    return allowed


def _status(chosen: argparse.Namespace) -> None:
    from detector_runtime.updates.updater import ModelUpdater

    status = ModelUpdater(chosen.folder).status()
    if chosen.json:
        print(json.dumps(_plain(status), indent=2, default=str))
        return
    for name, value in _lines(status).items():
        print(f"{name:<12} {value}")


def _plain(status: UpdateStatus) -> dict[str, Any]:
    values = asdict(status)
    for name in ("model", "offered", "failure"):
        part = getattr(status, name)
        values[name] = None if part is None else part.model_dump(mode="json")
    values["earlier"] = [one.model_dump(mode="json") for one in status.earlier]
    return values


def _lines(status: UpdateStatus) -> dict[str, str]:
    model, offered, failure = status.model, status.offered, status.failure
    lines = {"model": "none yet" if model is None else f"{model.name} ({model.version})"}
    if model is not None and model.origin == "own":
        lines["model"] += ", your own: updates leave it alone"
    lines["before"] = ", ".join(one.name for one in status.earlier) or "none"
    lines["source"] = f"{status.source or 'not named'}, channel {status.channel or 'champion'}"
    epoch = status.keys_epoch
    lines["keys"] = "none: signatures are not looked at" if epoch is None else f"epoch {epoch}"
    if offered is not None:
        too_old = ", which has expired" if status.is_expired else ""
        lines["offered"] = f"{offered.version}, since {offered.issued_at:%Y-%m-%d}{too_old}"
    for name, moment in (("last check", status.last_check), ("next check", status.next_check)):
        if moment is not None:
            lines[name] = f"{moment:%Y-%m-%d %H:%M} UTC"
    if failure is not None:
        lines["failed"] = f"{failure.problem}\n{'':<13}What to do: {failure.fix}"
    return lines


def _rollback(chosen: argparse.Namespace) -> None:
    from detector_runtime.updates.updater import ModelUpdater

    model = ModelUpdater(chosen.folder).rollback()
    print(f"{model.name} ({model.version}) is used again.")


def _use(chosen: argparse.Namespace) -> None:
    from detector_runtime.updates.updater import ModelUpdater

    model = ModelUpdater(chosen.folder).use(chosen.model)
    print(f"{model.name} ({model.version}) is used; updates leave it alone.")
