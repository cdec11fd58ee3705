"""Training: the job's specification, and the program that runs it on any host.

Read `job` (what is trained, and the folder that carries it), `program` (what runs on the host),
`results` and `curves` (what it tells), then `contract` and `parity` (what an export must be).
"""
