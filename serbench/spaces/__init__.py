"""Search spaces: the file, what it may say, what it becomes."""
