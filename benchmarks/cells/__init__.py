"""Parts of the benchmark of instances."""
