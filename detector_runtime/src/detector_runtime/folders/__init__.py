"""Folders of models that say themselves what is in them, file by file.

Read `described`. What a model of each kind is belongs to `classify` and `policies`; a detector's
folder is a `bundle`.
"""
