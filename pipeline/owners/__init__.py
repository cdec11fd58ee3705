"""What tells whose things are: a small head, trained on drawn scenes, whose players are known.

Read `examples` (boxes of a synthetic set with their owners), `light` (what light does to colours,
and the table of how far a colour speaks for a player), `training` (the head), and `owner_model`
(the artifact). How a head judges is `detector_runtime.owners`.
"""
