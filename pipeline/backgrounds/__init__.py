"""Backgrounds: terrain textures become pictures for scenes to stand on.

`textures` chooses which of the game's files may be used; `soften` brings a texture to the look that
it has in the game; `pictures` makes, writes and shows a set of them.
"""
