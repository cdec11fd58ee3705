"""The sections of a game pack, as pydantic models: what each key means and may hold.

`base` is what all share, and how keys of earlier versions are read (`Section.renamed_keys`);
`images` and `scenes` with its `overlays` are the largest. `pipeline.games.pack` puts them together,
and checks what concerns several of them.

Read `base`, `images`, `scenes`, `overlays`.
"""
