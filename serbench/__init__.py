"""serbench: AutoML benchmarking for speech emotion recognition.

Imports point one way, and a test holds them to it::

    records, evaluation < corpora < protocols < features < families
        < training < search < report < export < cli
"""

__version__ = "0.1.0"
