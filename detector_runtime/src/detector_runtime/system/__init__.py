"""The process and the computer that the runtime runs in: cores it may use, forks, files.

Read `cores`, `forks`, `files` (writes that survive a power cut, a folder's lock).
"""
