"""The command line, the server, and what they show. A program that imports the runtime needs none.

Read `cli`, `looking` (many images), `watching`, `server`, `drawing` (with its `palette`),
`benchmark`. `cvat_function` is for CVAT's auto-annotation.
"""
