"""Runs a shipped detector."""
