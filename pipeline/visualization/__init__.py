"""How previews look: colours, boxes with their texts, and sheets of many images.

Read `palette`, `annotators` (what is drawn on an image) and `tiles` (sheets). What a preview shows
and what its texts say does not belong here, but beside what it shows.
"""
