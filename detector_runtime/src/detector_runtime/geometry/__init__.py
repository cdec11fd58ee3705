"""Boxes and images as arrays: letterbox, tiles, overlap, suppression. No model, no state.

Read `letterbox`, `tiling`, `overlap`, `suppression`, `candidates`.
"""
