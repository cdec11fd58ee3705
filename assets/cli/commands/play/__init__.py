"""`outpost play`: the built-in game as a game; `outpost record`: any game on a desktop.

Read `playing` (the group, and games of scripted players), `sessions` (games that are recorded,
played again, finished, judged, exported), `cloning` (policies that learn from play, and how well
they play), `learning` (a policy that learns by playing), `leagues` (from itself, in rounds),
`benchmarking` (what policies can), `shadowing` (policies that go on learning while they watch),
`online` (while they play), `correcting` (a strategist that learns from corrections) and `desktop`.
How a game goes, and how policies are trained, does not belong here: that is `pipeline.play`.
"""
