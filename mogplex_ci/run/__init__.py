"""The life of one run: key, start, follow, stop, outcome."""
