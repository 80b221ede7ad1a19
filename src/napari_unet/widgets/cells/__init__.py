"""The dock in which cells are found, measured and corrected."""
