"""CVAT, where people label: frames and boxes to correct go there, finished tasks come back.

Read `resource` (what assets and commands use), `tasks` (what is known of a task), then `connection`
(the official SDK with time limits), `requests` (work that CVAT does in the background), `listing`,
`push`, `download` and `tags` (of whole images). What a task is to hold is decided in
`pipeline.annotation` and `pipeline.community.dispute_batches`.
"""

from resources.cvat.resource import Cvat
from resources.cvat.tasks import CompletedTask

__all__ = ["CompletedTask", "Cvat"]
