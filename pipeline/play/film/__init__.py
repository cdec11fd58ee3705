"""A game as a film: what one of its players sees and does, as an animated image.

Read `moments` (games of policies, of scripted players and of sessions, sampled), `frames` (one
moment, drawn), `animation` (all of them, as one WebP file) and `whole_games` (from ticks to a
film). How a game goes does not belong here, nor how its map is drawn: that is
`pipeline.play.simulator`.
"""
