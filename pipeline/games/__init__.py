"""Game packs: everything that is particular to one game, as data in a folder per game.

Read `pack` with `sections`, `patterns`, `matching`, `terrain`, `files` with `mods` and `steam`,
`index`, `installed`, and `editing` (how a pack is changed).
"""
