"""A page to look through an image set: one folder, no server, thousands of images.

Read `items`, `collections`, `page`.
"""
