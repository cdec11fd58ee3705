"""What starts runs by itself: sensors of exports, contributions, recordings and policies, the GPU
reaper, jobs.

Read `jobs`, `export_sensor`, `retraining`, `contribution_sensor`, `dispute_sensor`,
`recording_sensor`, `policy_sensor`, `gpu_reaper`. What a run then makes is `graph`.
"""
