"""What `outpost dev` does before it starts Dagster's own server."""

import os
import socket

from assets.definitions import games_served
from assets.runs import register_batches
from assets.terminal import progress_shown
from pipeline.errors import OutpostError
from pipeline.games.pack import load_pack
from resources.exports import ExportsFolder
from resources.instance import open_instance
from resources.state import STATE_VARIABLE, StateFolder


class PortTakenError(OutpostError):
    """Something else listens where the UI should."""


def require_free_port(host: str, port: int) -> None:
    """Find out before anything is started.

    Raises:
        PortTakenError: the port is taken.
    """
    with socket.socket() as probe:
        if probe.connect_ex((host, port)) == 0:
            raise PortTakenError(
                f"Something listens on {host}:{port} already.",
                f"Open it if it is Outpost, or choose another: outpost dev --port {port + 1}",
            )


def prepare_to_serve(state: StateFolder) -> dict[str, str]:
    """Prepare the instance and the exports folders; returns the server's extra environment."""
    exports = ExportsFolder()
    with open_instance(state) as instance:
        for game in games_served():
            pack = load_pack(game)
            exports.path(pack.name).mkdir(parents=True, exist_ok=True)
            if pack.drawn:
                _drop_drawn_exports(exports, pack.name)
            register_batches(instance, pack, exports)
    return {STATE_VARIABLE: str(state.root), "DAGSTER_HOME": os.environ["DAGSTER_HOME"]}


def _drop_drawn_exports(exports: ExportsFolder, game: str) -> None:
    from rich.console import Console

    from assets.making import reporter
    from pipeline.games.demo.captures import write_export_batches

    with progress_shown(Console()):
        write_export_batches(exports.path(game), reporter(lambda _line: None))
