"""A league: a policy that learns from itself in rounds, and how good each round has made it.

Read `settings` (how many rounds of what), `rounds` (how one is played, and what a league that was
killed goes on with), `matches` (everybody against everybody, each match once), `standing` (ratings
and exploitability as records) and `drawing` (these as images). Training itself is
`pipeline.play.arena.training`.
"""
