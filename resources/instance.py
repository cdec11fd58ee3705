"""Dagster's own home, inside the state folder."""

import os
import shutil

import dagster as dg

from resources.state import StateFolder, project_file


def open_instance(state: StateFolder) -> dg.DagsterInstance:
    """The instance that keeps this state folder's runs, by the project's `dagster.yaml`.

    Sets `DAGSTER_HOME` for this process and those that it starts.

    Raises:
        StateFolderError: the state folder cannot be written.
    """
    state.require_writable()
    state.instance.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(project_file("dagster.yaml"), state.instance / "dagster.yaml")
    os.environ["DAGSTER_HOME"] = str(state.instance)
    return dg.DagsterInstance.get()
