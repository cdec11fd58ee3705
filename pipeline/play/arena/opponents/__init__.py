"""Policies as they were, for later ones to play against.

Read `snapshots` (one as a file: plain tensors and facts, no pickle) and `pool` (a folder of them,
of a fixed size, that several processes write and read).
"""
