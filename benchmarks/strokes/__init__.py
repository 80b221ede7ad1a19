"""A simulated annotator: methods, data, rounds and report of ``python -m benchmarks.annotator``."""
