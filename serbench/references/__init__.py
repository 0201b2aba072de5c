"""What a score is compared with: answers of no model, of an older method and of people, on the same test core."""

from serbench.references.compute import REFERENCES, compute_references, named_reference
from serbench.references.literature import Reported, reported

__all__ = ["REFERENCES", "Reported", "compute_references", "named_reference", "reported"]
