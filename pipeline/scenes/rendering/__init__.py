"""An image and its instance ids from a plan, and what is measured of them.

Read `renderer` (the order of work), `preparing` (what is worked out before the image),
`compositing`, `effects` (light, water, edges), `overlays` (the game's interface and fog),
`measuring` (boxes and visible shares, and which become labels). Loops over pixels are in `pixels`;
files are written by `dataset`.
"""
