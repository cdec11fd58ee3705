"""What a training tells and keeps: events, times, plots, checkpoints, the folder of outputs.

Read `outputs` (events, files that appear whole), `recorder` (ultralytics' callbacks as events),
`timing`, `plots`, `checkpoints`. Nothing here decides how a detector is trained.
"""
