"""Training from Python: `train`, its configuration, and the account of what was trained.

Read `config`, `api`, `checkpoints`, `registry`. The artifact store owns what Dagster trains; the
registry here is for those who train without it (docs/reference/stores.md says who owns what). What
runs on a host is `detector_program`.
"""
