"""What a player sees: a game's screen, the detector on it, its tracker, and what is kept in mind.

Read `screen` (what is drawn, and what of it has changed), `reading` (what pixels say of a box),
`places`, `looking` (a look: detector and tracker), `memory` and `orders` (what is known from looks
and from one's own deeds), `sight` (all of it, for many games), `accuracy` and `loss` (how good it
is, and what it costs policies). Nothing reads the state of a game but what draws it or judges.
"""
