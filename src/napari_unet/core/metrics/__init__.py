"""Scores of segmentations against a truth, each with its source."""
