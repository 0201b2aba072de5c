"""A small plug-in for serbench: the family `gated_gru`, the front end `band_energy`, the corpus `example-tones`."""
