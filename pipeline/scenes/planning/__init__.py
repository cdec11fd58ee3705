"""A scene plan from a seed: what stands where, how it looks, what lies over it. No pixels.

Read `rule_table` (a pack's rules as columns), `planner` (the order of work), `sampling` (which
objects), `groups`, `gates` (what may stand on which ground), `placement` (what has to find room, as
records), `placement_kernels` (the loops that find it), `appearance`, `unit_marks` and
`overlay_sampling`; `random_stream` draws from one seed. Sizes come from `sources`; drawing is
`rendering`.
"""
