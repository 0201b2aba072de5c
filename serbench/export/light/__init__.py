"""Light files: one graph from the waveform to the probabilities, in the formats of other runtimes."""
