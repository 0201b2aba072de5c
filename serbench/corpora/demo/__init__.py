"""The demo corpus: synthetic emotional speech from a source-filter model, made on the spot."""

from serbench.corpora.demo.corpus import DEMO

__all__ = ["DEMO"]
