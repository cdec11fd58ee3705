"""The part that all job programs share; a copy of it travels with each of them.

Read `constants` (the files of a job, exit codes), `outputs` (events, files that appear whole),
`process` (how a program ends), `runner` (the way through all of it), `host` (what it runs on). Of
Outpost it imports `detector_runtime.system.cores` alone, which travels too. It needs Python 3.10:
nothing here may import a package that a host might lack.
"""
