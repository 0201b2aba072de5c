"""Where fits run: children of this process, or workers of a Dask cluster."""
