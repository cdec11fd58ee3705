"""What an annotation tool is to hold: labels, tasks with their frames and boxes.

Read `project_labels`, `task_plan` and `pushed_tasks` (which tasks a batch has become). Talking to
the tool is the matter of `resources.cvat`.
"""
