"""What several benchmarks need: clocks, folders of images, processes."""
