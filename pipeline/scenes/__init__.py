"""Scenes: planned as data, drawn with an instance-id buffer, labelled from it.

Read in this order: `scene` (what a plan is), `plan` (what stands where, a pure function of the seed
and the picture's index: `placing` finds room, `groups` keeps together what belongs together,
`looks` and `dressing` say how it looks and what lies over it), `draw` (pixels and ids; `overlays`
holds the game's interface and fog, `atmosphere` light, water and edges), `label` (objects with
exact boxes and fractions, and the policy that picks the labels), `write` (a whole set in shards,
spread by `sharding`), `check` (what must hold of a written set), `preview` and `distributions`
(pictures of it for people) and `fit` (how large things must be drawn). `stock` is what scenes are
made of: sizes for planning, pixels for drawing.
"""
