#!/usr/bin/env bash
# dagster 1.13.27, pydantic 2: a ConfigurableResource is a frozen pydantic model, and `model_copy(update=...)` is how
# pydantic changes one value of such a model. One would expect a run that is given the copy to use the copy's values.
# The copy shows the new value wherever it is read directly, in a script or a test, but Dagster starts runs from the
# configuration that it kept when the original was made, which a copy takes over unchanged.
#
# Seen: the copy says 'second', the asset that is given the copy says 'first'. Nothing is logged.
#
# Fails where the asset gets the copy's value.
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
uv venv --quiet --python 3.11 "$folder/venv"
uv pip install --quiet --python "$folder/venv" "dagster==1.13.27"
DAGSTER_HOME="" "$folder/venv/bin/python" - <<'PYTHON' 2>"$folder/log" || { cat "$folder/log" >&2; exit 1; }
import sys

import dagster as dg


class Store(dg.ConfigurableResource):
    folder: str


seen = []


@dg.asset
def listing(store: Store) -> None:
    seen.append(store.folder)


copy = Store(folder="first").model_copy(update={"folder": "second"})
dg.materialize([listing], resources={"store": copy})
print(f"the copy says {copy.folder!r}, the run that was given it says {seen[0]!r}")
sys.exit(0 if (copy.folder, seen) == ("second", ["first"]) else 1)
PYTHON
