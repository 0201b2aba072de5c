"""Corpora without a module of their own: a folder, a table, several corpora as one, and other names for labels."""
