"""napari's layers as pictures, planes, strokes and results; functions, no widget."""
