"""Objects under keys, in a folder or in a bucket, with writes that one of many writers wins.

A key is a path with slashes; its object is bytes with a tag that changes with every write. What
objects mean is not known here: that is for those who keep releases or artifacts in a store.

Read `base` (the interface), `folder`, `s3`, `opening` (which of them a location names), and
`conformance` (what a server really does).
"""
