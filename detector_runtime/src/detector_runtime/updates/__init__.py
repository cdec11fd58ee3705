"""What a published model says of itself, and whether to believe it.

A publisher writes documents: which keys count, what a version consists of, which version a channel
offers. Each is one JSON file that carries its signatures.

Read `documents`, `signatures`. How documents are written, and when, is not decided here.
"""
