"""Game packs: everything that is particular to one game, as data in a folder per game."""
