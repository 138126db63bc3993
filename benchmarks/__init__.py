"""Fitting and measuring: `make bench` prints the tables, `python -m benchmarks.fit` fits the search."""
