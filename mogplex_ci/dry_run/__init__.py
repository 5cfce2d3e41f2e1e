"""Dry runs: recorded runs, and what plays them in the place of the service."""
