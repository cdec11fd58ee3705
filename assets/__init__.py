"""Dagster assets and what goes with them: checks, sensors, schedules, jobs, the command line."""
