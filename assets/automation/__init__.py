"""What starts runs by itself: the sensor of exports, the GPU reaper, jobs and their schedules."""
