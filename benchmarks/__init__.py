"""Measures what the documents claim about speed and frugality."""
