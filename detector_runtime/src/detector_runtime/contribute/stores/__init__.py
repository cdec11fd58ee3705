"""Where contributions go to: a folder or a bucket, behind one interface.

Read `base`, `folder_store`, `s3_store`, then `opening` (which of them a location
names). What the objects mean is not known here.
"""
