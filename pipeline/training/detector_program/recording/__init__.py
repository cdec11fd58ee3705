"""What a training tells and keeps: events, times, plots, checkpoints.

Read `recorder` (ultralytics' callbacks as events) with `timing`, `plots`, `checkpoints`. Events
are written by `pipeline.jobs.program.outputs`. Nothing here decides how a detector is trained.
"""
