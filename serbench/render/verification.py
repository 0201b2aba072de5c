"""What `serbench verify` prints."""

from __future__ import annotations

import pandas as pd

from serbench.records import run_name
from serbench.render.document import Column, Document, Sheet, plural, to_document
from serbench.results import Verification

__all__ = ["verification_document"]

_MEANING = (
    "Passing means that the files belong together: it stops accidents and numbers changed in one place. It does not "
    "show that a model had these answers; `serbench study replay STUDY RUN` trains it again."
)


@to_document.register
def verification_document(found: Verification) -> Document:
    """One line for each study, then every problem as a sentence."""
    columns = (Column("study", 0, "left"), Column("entries"), Column("fits"), Column("problems"), Column("not checked"))
    rows = tuple(
        (one.study, str(one.entries), str(one.fits), str(len(one.problems)), str(len(one.unchecked)))
        for one in found.studies
    )
    problems = [*(f"{one.study}: {text}" for one in found.studies for text in one.problems), *found.problems]
    unchecked = [f"{one.study}: not checked: {text}" for one in found.studies for text in one.unchecked]
    total = "everything fits together" if found.passed else f"{plural(len(problems), 'problem')} found"
    frame = pd.DataFrame([one.model_dump(mode="json") for one in found.studies])
    runs = len({run_name(one.study) for one in found.studies})
    studies = "1 study" if runs == 1 else f"{runs:,} studies"
    folds = "" if runs == len(found.studies) else f" (each fold for itself: {len(found.studies):,} lines)"
    sheet = Sheet(f"{studies} checked{folds}: {total}", columns, rows, (*problems, *unchecked))
    return Document((sheet,), frame, found.model_dump(mode="json"), (_MEANING,))
