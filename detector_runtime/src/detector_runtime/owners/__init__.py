"""Whose each thing is: a small head over the colours in its box.

Read `evidence` (what is looked at in a box), `head` (what is made of it) and `head_file` (how a
head is kept). Without a head nothing here is used.
"""
