"""Single clips on pages: spectrograms, sounds, errors, masks."""
