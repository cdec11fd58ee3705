"""How previews look: colours, boxes with their texts, and sheets of many images.

Read `palette`, `annotators` (what is drawn on an image), `tiles` (sheets) and `sections` (sheets
with headings and texts). What a preview shows
and what its texts say does not belong here, but beside what it shows.
"""
