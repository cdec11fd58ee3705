"""A written set for people: samples, distributions beside real frames, the scale that fits.

Read `samples`, `box_sizes`, `distributions`, `scale_fit`, `expected_counts`. Nothing here changes a
set.
"""
