"""Open an image of any kind; write results; atomic writes, scratch arrays, optional packages."""
