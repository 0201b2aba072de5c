"""Pages of a search that runs: their process, its server, and the way to Optuna Dashboard."""
