"""What a published model says of itself, whether to believe it, and how a folder follows it.

A publisher writes documents: which keys count, what a version consists of, which version a channel
offers. Each is one JSON file that carries its signatures. A program keeps a folder in which one
version is used; it asks about once a day for another one, and exchanges them while it runs.

Read `documents`, `signatures`; then `updater`, which has all that a program calls, `checking` (one
check from the request to the switch) and what that is made of: `schedule`, `sources`, `trust`,
`downloads`, `installing`, `installed`, `state`. `reloading` is the detector that follows. How
documents are written, and when, is not decided here.
"""
