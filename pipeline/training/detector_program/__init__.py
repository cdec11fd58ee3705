"""The program that trains a detector and exports it, on any host.

It travels as `program.pyz` in the folder of each job, with `pipeline.jobs.program` and
`detector_runtime.system.cores`, and imports nothing else of Outpost. Read `main` (its files, and
the order of work), `training` and `stages` (what ultralytics is asked to do), `acceleration` (what
makes it fast), `recording` (what it tells and keeps), `weights`, `export`. All that is
changed in ultralytics is in `ultralytics_patches`. Nothing here may import torch or ultralytics at
the top of a module: names of files are read from here by programs that need neither.
"""
