"""The Optuna study of one search: its folder and record, its database, its samplers, its way back from a record."""
