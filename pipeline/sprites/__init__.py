"""Sprites: the game's animation files become a library of trimmed, classified images.

`select` chooses files and frames; `compose` makes one sprite of the layers of its frames; `extract`
does both for a whole game; `library` writes and reads the result; `recolour` and `sheets` show it.
How sprite files are read is `pipeline.formats`.

Read `select`, `take`, `compose`, `library`, `extract`; `images` for games with image files.
"""
