"""Corrections of a strategist: goals that somebody who looks at its play would have chosen.

Read `lines` (a correction as a line of JSON), `situations` (what a moment comes to, and which are
alike), `correctors` (who corrects), `sorting` (which lines are learned from), `collecting` (play
that is corrected), `fine_tuning` and `correcting` (all of it, from a folder of policies to
another). How policies are cloned does not belong here, nor how they play.
"""
