"""What starts runs by itself: the sensor of exports, the GPU reaper, jobs and schedules.

Read `jobs`, `export_sensor`, `retraining`, `gpu_reaper`. What a run then makes is `graph`.
"""
