"""The dock in which one paints and trains."""
