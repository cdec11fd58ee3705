"""The base of every error that Outpost raises on purpose."""

from __future__ import annotations


class OutpostError(Exception):
    """Something the user can correct: what is wrong, and what to do next.

    Each part of Outpost subclasses this for its own failures. Both texts are kept as `args`, so
    that an error crosses a process boundary whole.
    """

    def __init__(self, problem: str, fix: str) -> None:
        super().__init__(problem, fix)
        self.problem = problem
        self.fix = fix

    def __str__(self) -> str:
        return f"{self.problem}\n  What to do: {self.fix}"
