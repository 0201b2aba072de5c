"""Clips on pages: spectrograms, sounds, misclassified clips and masks."""
