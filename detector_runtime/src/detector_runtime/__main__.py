"""`python -m detector_runtime` is the `detector-runtime` command."""

import sys

from detector_runtime.tools.cli import main

sys.exit(main())
