"""Comparison: whether one model is better than another on the same frames.

How a model scores by itself belongs to `metrics`. Read `paired`, then `champion`.
"""
