"""Loops over pixels, and the arrays that they work on. They know nothing of a game or its rules.

Read `mipmaps` (the sizes that a sprite is kept at), `atlas` (all sprites of a scene, in columns),
`kernels` (what is done to pixels) and `compiled_kernels` (the loops that do it).
"""
