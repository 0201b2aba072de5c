"""What decoding every file of a corpus says about it."""
