"""The science: numpy, scipy, scikit-image and torch; neither Qt nor napari."""
