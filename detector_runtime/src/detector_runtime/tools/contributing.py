"""The commands of a folder of contributions: status, pause, resume, forget.

A player who wants to know, or wants no more of it, need not start the game for that.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from detector_runtime.contribute.contributor import ContributionStatus, Contributor


def add_contribute_commands(commands: Any) -> None:
    """Have a parser know the commands of this module."""
    group = commands.add_parser("contribute", help="look at, pause or delete contributions")
    actions = group.add_subparsers(title="commands", required=True, metavar="COMMAND")
    status = _add(actions, "status", "what waits and what was sent; asks nobody", _status)
    status.add_argument("--json", action="store_true", help="for programs")
    _add(actions, "pause", "send nothing until resume", _pause)
    _add(actions, "resume", "send again", _resume)
    forget = _add(actions, "forget", "delete what was sent and what waits", _forget)
    forget.add_argument("--store", required=True, metavar="PLACE", help="where it was sent to")
    forget.add_argument("--game", required=True, help="by the name that it has there")


def _add(actions: Any, name: str, text: str, run: Any) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = actions.add_parser(name, help=text)
    command.add_argument("folder", type=Path, metavar="FOLDER", help="where contributions are kept")
    command.set_defaults(run=run)
    return command


def _contributor(chosen: argparse.Namespace) -> Contributor:
    """Of a folder that a program has made: a wrong path makes none."""
    from detector_runtime.contribute.contributor import INSTALL_FILE, Contributor
    from detector_runtime.contribute.queue import QUEUE_FILE
    from detector_runtime.contribute.rules import ContributionRules
    from detector_runtime.errors import ConfigurationError

    if not any((chosen.folder / name).is_file() for name in (INSTALL_FILE, QUEUE_FILE)):
        raise ConfigurationError(
            f"{chosen.folder} holds no contributions",
            "Name the folder that the game or its program keeps them in.",
        )
    # Without consent nothing is sent, and there are no rules for what might be.
    rules = ContributionRules.of(getattr(chosen, "game", "unknown"), {})
    return Contributor(chosen.folder, rules, getattr(chosen, "store", chosen.folder))


def _status(chosen: argparse.Namespace) -> None:
    status = _contributor(chosen).status()
    if chosen.json:
        print(json.dumps(_plain(status), indent=2, default=str))
        return
    for name, value in _lines(status).items():
        print(f"{name:<12} {value}")


def _plain(status: ContributionStatus) -> dict[str, Any]:
    """Without what only the program knows that sends."""
    values = asdict(status)
    return {name: value for name, value in values.items() if name not in ("place", "consent")}


def _lines(status: ContributionStatus) -> dict[str, str]:
    lines = {
        "install": str(status.install or "none yet"),
        "waiting": f"{status.waiting} images",
        "sent": f"{status.sent} images, {status.sent_today} of them today (UTC)",
        "paused": "yes" if status.paused else "no",
    }
    if status.full:
        lines["full"] = "nothing more is kept until some of it was sent"
    if status.forgetting:
        lines["forgetting"] = "what was sent is still to be deleted"
    if status.waiting and not status.paused and status.next_upload > datetime.now(timezone.utc):
        lines["next upload"] = f"not before {status.next_upload:%Y-%m-%d %H:%M} UTC"
    if status.failure:
        lines["failed"] = status.failure
    return lines


def _pause(chosen: argparse.Namespace) -> None:
    _contributor(chosen).pause()
    print("Nothing is sent until you resume; what you confirm is kept here.")


def _resume(chosen: argparse.Namespace) -> None:
    _contributor(chosen).resume()
    print("What waits is sent again, once the program runs.")


def _forget(chosen: argparse.Namespace) -> None:
    _contributor(chosen).forget()
    print("What this install has sent is deleted there, and what waited here too.")
