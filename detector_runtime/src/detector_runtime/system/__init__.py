"""The process and the computer that the runtime runs in: cores it may use, forks."""
