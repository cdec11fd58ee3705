"""An image and its instance ids from a plan, and what is measured of them.

Read `renderer` (the order of work), `atlas` (all sprites of a scene, resized in one call),
`compositing`, `effects` (light, water, edges), `overlays` (the game's interface and fog),
`measuring` (boxes and visible shares, and which become labels). `kernels` chooses between
`compiled_kernels` and `plain_kernels`, which give the same bytes. Files are written by `dataset`.
"""
