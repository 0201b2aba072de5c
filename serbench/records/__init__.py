"""What is written under `results/`: versioned schemas, atomic writes, the environment beside every number."""

from serbench.records.base import Record
from serbench.records.results import ResultsFolder
from serbench.records.schemas import EntryRecord, StudyRecord, TrialRecord

__all__ = ["EntryRecord", "Record", "ResultsFolder", "StudyRecord", "TrialRecord"]
