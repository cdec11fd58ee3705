"""Scenes: planned as data, drawn with an instance-id buffer, labelled from it.

Read in this order: `plan` (what stands where, a pure function of the seed and the picture's index),
`draw` (pixels and ids; `overlays` holds the game's interface and fog), `label` (objects with exact
boxes and fractions, and the policy that picks the labels), `write` (a whole set in shards), `check`
(what must hold of a written set) and `preview` (pictures of it for people). `stock` is what scenes
are made of: sizes for planning, pixels for drawing.
"""
