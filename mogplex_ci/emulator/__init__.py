"""A local Mogplex for dry runs, tests and demos."""
