"""What the user is doing now; evented, no Qt, no napari, no torch."""
