"""Which frames show the same: by their looks, by hashes that are near, by bytes; whose labels win.

Read `looks` with `compiled_loops`, `near_hashes`, `views`, `leakage`, `same_images`, `corrections`,
`box_differences`, `choosing`.
"""
