"""Playing: a world with rules, and what plays in it.

Read `simulator` (the built-in game's rules, players by script, environments to learn in), then
`demonstrations` (play as something to learn from), `policies` (what learns from it), `shadow` (what
learns while somebody plays), `corrections` (a policy that makes mistakes, and learns from those who
see them), `recordings` (sessions as files) and `desktop` (any game's). What finds things in
screenshots does not belong here, and imports nothing of it.
"""
