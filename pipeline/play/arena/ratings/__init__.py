"""Ratings of players from the games that they have played against each other.

Read `results` (who played whom, and with what score), `elo` (ratings that every game moves, kept in
a file) and `bradley_terry` (ratings of all games at once, with intervals).
"""
