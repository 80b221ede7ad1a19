"""Sample images with strokes, shipped with the package."""
