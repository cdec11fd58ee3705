"""Scenes: planned as data, drawn with an instance-id buffer, labelled from it."""
