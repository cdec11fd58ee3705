"""Playing the built-in game: what learns from play.

Read `cloned_policies`, then `corrected_policies`. Games between scripted players are in
`assets.operations.played_game`; how a game goes does not belong here.
"""
