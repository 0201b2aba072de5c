"""Fetches corpora from their published addresses: resumed, checked, unpacked safely."""
