"""Finds secrets by their value, by their format and by the name in front of them."""
