"""Which object of one look is which of the next.

Read `tracker`, then `kalman`, `assignment`, `camera` (how the view moved) and `frame_diff` (whether
anything changed).
"""
