"""A model on planes and volumes, tile by tile; uncertainty."""
