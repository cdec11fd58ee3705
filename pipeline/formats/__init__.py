"""Bytes to arrays and back: sprite files, texture blocks, palettes."""
