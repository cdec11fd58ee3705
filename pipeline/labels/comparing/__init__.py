"""Which frames show the same: by thumbnails, by hashes that are near, by bytes; whose labels win.

Read `thumbnails` with `compiled_loops`, `views`, `leakage`, `same_images`,
`corrections`, `box_differences`, `choosing`, `changed_labels`, `session_overlap`.
"""
