"""The pixel classifier: filters, forest, its map of a plane."""
