"""`Teacher`: answers of other networks that a fit learns from besides the labels (knowledge distillation).

G. Hinton, O. Vinyals and J. Dean, 2015, arXiv:1503.02531. The answers are out-of-fold: each is by a network that was
not trained on the clip.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

__all__ = ["TEACHER_SHARE", "Teacher"]

TEACHER_SHARE = 0.5
"""Part of each training label that the teacher's answer gets; the rest is the label."""


@dataclass(frozen=True)
class Teacher:
    """Answers by clip. Plain tuples, so that two machines may have different versions of NumPy.

    Attributes:
        labels: class names in the order of the probabilities.
        answers: class probabilities of each clip, by clip id. Test clips have none.
        share: part of each training label that the answer gets, above 0 and at most 1.
    """

    labels: tuple[str, ...]
    answers: Mapping[str, tuple[float, ...]] = field(repr=False)
    share: float = TEACHER_SHARE

    def rows(self, clip_ids: Iterable[str], labels: tuple[str, ...]) -> np.ndarray:
        """Returns the answers in the order of some clips, float32 (clips, labels); NaN for a clip without an answer.

        Raises:
            ValueError: the labels are not those of the teacher.
        """
        if sorted(labels) != sorted(self.labels):
            raise ValueError(f"the teacher knows {', '.join(self.labels)}, not {', '.join(labels)}")
        order = [self.labels.index(label) for label in labels]
        missing = (np.nan,) * len(self.labels)
        found = np.array([self.answers.get(clip, missing) for clip in clip_ids], dtype=np.float32)
        return found.reshape(-1, len(self.labels))[:, order]
