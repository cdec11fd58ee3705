"""Where contributions go to: a folder, a bucket or a data set repository, behind one interface.

Read `base`, `folder_store`, `s3_store`, `hugging_face`, then `opening` (which of them a location
names). What the objects mean is not known here.
"""
