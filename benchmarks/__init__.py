"""Measurements of the harness itself, each one command with a table; never part of the tests."""
