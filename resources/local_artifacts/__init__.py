"""Copies of artifacts on this machine that lie elsewhere too, and may be dropped to save space.

What belongs here: which of them processes have open, and which go first. What an artifact is, and
whether it lies elsewhere, does not: see `resources.artifacts`.

Read `in_use`, then `dropping`.
"""
