"""Many images, one after the other."""
