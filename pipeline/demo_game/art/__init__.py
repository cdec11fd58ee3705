"""How the things of the built-in game look: solids with materials, drawn by ray casting.

Read `solids` and `surfaces` (shapes and what covers them), `raycasting` (an image of solids), then
the things themselves; `catalogue` lists all of them. What stands where does not belong here.
"""
