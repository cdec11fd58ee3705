"""The domain: typed Python that turns game files into a measured detector.

Nothing here knows the orchestrator. Functions take and return frozen values and arrays; files are
read and written at the edges of each folder. Read the folders in the order of the asset graph:
`games`, `formats`, `sprites`, `backgrounds`, `scenes`, `labels`, `training`, `export`,
`evaluation`, `release`; `gallery` shows what lies in them, `demo_game` is a game of its own.
"""
