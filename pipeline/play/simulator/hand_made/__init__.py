"""Where games begin that somebody has made up: maps and set-ups.

Read `map_drawings` (maps as text in a file), then `scenarios` (a map, and what each side begins
with). Maps that follow from a number are in `maps`.
"""
