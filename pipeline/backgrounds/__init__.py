"""Backgrounds: terrain textures become pictures for scenes to stand on."""
