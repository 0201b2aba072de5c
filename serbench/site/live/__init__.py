"""Live pages of a running search: their process, its server, and links to Optuna Dashboard."""
