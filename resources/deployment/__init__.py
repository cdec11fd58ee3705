"""Places where a program finds the model that it runs: what is put there, tried there, and asked.

A place is a folder as `detector_runtime.updates` keeps it, here, on a share or behind SSH. All that
is done in it, the place's own Python does by `target_program`, which needs detector_runtime alone:
verify, try out, switch at once, go back. Which model is good enough is decided in
`pipeline.release`; SSH itself is `resources.gpu.hosts`.

Read `targets` (which places there are), `places` (how each is reached), `target_program` (what runs
there), `deployment` (the steps), `records` (what was put where from here).
"""
