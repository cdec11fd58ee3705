"""What the commands of `outpost play` carry out.

Read `shadow_play` (policies that watch and learn). How a game goes and how policies are trained
does not belong here: that is `pipeline.play`.
"""
