"""What the commands of `outpost` carry out, a module for each; also for tests and programs.

They return values and print nothing. Commands are in `assets.cli`.

Read `demo`, then `dev` with `run_news`; the others as you need them.
"""
