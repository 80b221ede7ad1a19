"""Synthetic microscopy from which the starter weights learn; no part of the package."""
