"""Three policies that play: a goal once a second, a target five times, an act twenty times.

They see entities, as a tracker or the game itself knows them, and no pixels. Read `known` (what
they are given), `features` (what they are told of it), `networks` (ONNX), `player` and
`policy_model` (the three as they are published). How they are trained does not belong here, nor how
entities are found.
"""
