"""Run a Mogplex cloud agent from any CI pipeline."""

__version__ = "1.0.0"
