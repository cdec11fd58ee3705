"""Where CVAT exports come from: a folder, an S3 bucket; tasks that were completed in CVAT.

What has to do with one kind of source stands here; when a source is looked at, and what a new
export starts, is `assets.automation`. Read `base`, `folder`, `fetched`, `bucket`, `cvat_source`,
`resource`.
"""

from resources.exports.resource import Exports

__all__ = ["Exports"]
