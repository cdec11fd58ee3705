"""Playing: a world with rules, and what plays in it.

Read `simulator` (the built-in game's rules, players by script, environments to learn in), then
`demonstrations` (play as something to learn from) and `stored_demonstrations`, `policies` (what
learns from it), `background` (a process that goes on learning), `shadow` (what it learns while
somebody plays), `online` (what it learns while the policies play), `corrections` (a policy that
makes mistakes, and learns from those who see them), `arena` (policies against each other),
`recordings` (sessions as files), `desktop` (any game's), `interactive` (games of a person) and
`film` (games to look at). What finds things in screenshots does not belong here, and imports
nothing of it.
"""
