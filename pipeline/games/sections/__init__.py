"""The sections of a game pack, as pydantic models: what each key means and may hold.

`base` is what all share; `images` and `scenes` are the largest. `pipeline.games.pack` puts them
together.
"""
