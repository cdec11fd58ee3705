"""What starts runs by itself: the sensor of exports, the GPU reaper, and jobs with their schedules."""
