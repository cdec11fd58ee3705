"""What starts runs by itself: the sensor of exports, the GPU reaper, schedules, and jobs."""
