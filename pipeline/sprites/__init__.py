"""Sprites: the game's animation files become a library of trimmed, classified pictures."""
