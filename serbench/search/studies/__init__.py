"""The Optuna study of one search: its folder and record, its database, its samplers, and how a record restores it."""
