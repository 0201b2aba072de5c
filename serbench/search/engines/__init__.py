"""Engines that run the fits: in child processes on this machine, or on the workers of a Dask cluster."""
