"""Attacks on the program that :mod:`benchmarks.trust` counts, and the tests run in short."""
