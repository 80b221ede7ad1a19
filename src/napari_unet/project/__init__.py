"""A project folder: versions, autosave, recovery, what reproduces it."""
