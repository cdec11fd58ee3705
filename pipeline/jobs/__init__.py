"""Jobs: what any program that runs on any host shares with those who send and follow it.

A job is a folder that holds all it needs (`program.constants` names its files): a program packed as
one file, `job.json`, the program's inputs, and `outputs`, which comes back. What the program
computes is its own affair; the detector's training was the first, in `pipeline.training`.

Read `spec` (what those who run a job know of it), `folder` (how it is written), `events`,
`checkpoints`, `failures`, `environment` and `bill` (what comes back), `kept` (what an artifact has
of it), then `local` (a job on this machine) with `child_process` and `tail`. `program` travels to
the host with every job and imports nothing else of Outpost but `detector_runtime.system.cores`.
Hosts that are reached over a network are `resources.gpu`.
"""
