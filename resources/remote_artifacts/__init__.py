"""Artifacts in an object store, where other machines find them by recipe and by data version.

What belongs here: how an artifact's files lie in the store, and their way there and back. What an
artifact is, and where it lies on this machine, does not: see `resources.artifacts`.

Read `layout` (which bytes lie in which object), `transfer`, and `remote`.
"""
