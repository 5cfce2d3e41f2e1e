"""The CI systems, one module each behind the interface in ``interface.py``."""
