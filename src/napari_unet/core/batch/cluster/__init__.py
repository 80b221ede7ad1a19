"""Many images on a Dask cluster."""
