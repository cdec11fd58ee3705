"""Bytes to arrays and back: sprite files (`sld`), textures (`dds`) and their blocks (`blocks`).

Read `blocks`, `dds`, then `sld`; `png`, `palette` and `yaml_text` stand alone. What a file's
content means to a game is `pipeline.games`.
"""
