"""Typer commands: parse, call, print. Heavy imports are inside the commands, so that `--help` is fast."""
