"""How the icons of the inventory look, one function for each kind of thing.

Read `painting` (a tile from shapes), `colours`, then `weapons`, `armour`, `treasures` and
`abilities`. Names and families of icons do not belong here: they are in the catalogue above.
"""
