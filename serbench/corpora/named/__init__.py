"""Named corpora: one module each, with their votes, manifests and perceived labels."""
