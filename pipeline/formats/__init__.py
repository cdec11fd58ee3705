"""Bytes to arrays and back: sprite files (`sld`), textures (`dds`) and their blocks (`blocks`)."""
