"""One image in, result files out."""
