"""What begins from an earlier study: a replay, a rerun on other draws, a fork, a warm start."""
