"""Comparison: whether one model is better than another on the same frames.

One model in each of the runtime's modes is compared likewise. How a model scores by itself belongs
to `metrics`. Read `paired`, then `champion`, `modes`.
"""
