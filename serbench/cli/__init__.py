"""Typer commands: parse, call, print. Heavy imports live in the command bodies, so that `--help` is quick."""
