"""Dagster assets and everything around them: checks, sensors, schedules, jobs and the command line."""
