"""The part that all job programs share; a copy of it travels with each of them.

Read `constants` (the files of a job, exit codes), `outputs` (events, files that appear whole),
`process` (how a program ends), `runner` (the way through all of it). It needs Python 3.10 and
nothing else: nothing here may import a package that a host might lack.
"""
