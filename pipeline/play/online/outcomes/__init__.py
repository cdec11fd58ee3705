"""What became of play, read from what a player knows, and to which act it is put down.

Read `sights` (entity sets of a game by identity), `orders` (which command each unit obeys),
`events` (hits, misses, kills, losses, loot) and `credit` (what they are worth, and to whom). The
true state of a game does not belong here.
"""
