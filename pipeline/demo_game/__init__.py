"""The built-in game: art, maps, a renderer of screenshots, files of an installed game.

Read `world` (a map and what stands on it), `art` (how each thing looks, by ray casting), `renderer`
(screenshots with exact labels), `captures` (them as CVAT exports) and `game_folder` (the game's own
files in the formats of the first real game); beside them `inventory` (its screens and icons) and
`contributors` (simulated players who label these). Nothing here may import `pipeline.scenes`, nor
the reverse: screenshots that judge a detector share no code with the scenes that it learns from.
The game's pack, YAML alone, is `pipeline/games/demo`.
"""
