"""Artifacts in an object store, where other machines find them by recipe and by data version.

What belongs here: how an artifact's files lie in the store, their way there and back, and removing
what is of no use there. What an artifact is, and where it lies on this machine, does not: see
`resources.artifacts`.

Read `layout` (which bytes lie in which object), `transfer`, `announcements` (how writers and the
collection keep out of each other's way), `remote`, and `collection`.
"""
