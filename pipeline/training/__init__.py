"""Training: the job's specification, and the program that runs it on any host."""
