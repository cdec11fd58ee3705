"""Backgrounds: terrain textures become images for scenes to stand on.

`textures` chooses which of the game's files may be used; `soften` brings a texture to the look that
it has in the game; `shores` and `hexes` lay water and cells; `images` makes and writes
backgrounds; `sets` is the artifact; `preview` shows it. What stands on a
background is `pipeline.scenes`.

Read `textures`, `soften`, `shores`, `hexes`, `images`, `sets`.
"""
