"""A page that listens: the network of a bundle in a browser, without a server that computes."""
