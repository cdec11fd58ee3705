"""Backgrounds: terrain textures become images for scenes to stand on.

`textures` chooses which of the game's files may be used; `soften` brings a texture to the look that
it has in the game; `images` makes, writes and shows a set of them.
"""
