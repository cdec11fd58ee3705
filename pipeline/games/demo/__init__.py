"""The built-in game, drawn by Outpost itself so that everything runs without owning one."""
