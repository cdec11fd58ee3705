"""Whose things are: one asset, which packages carry."""
