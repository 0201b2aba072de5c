"""Names of studies: plain, and none that ends like a fold of another one."""

from __future__ import annotations

import pytest

from serbench.errors import UsageError
from serbench.search.studies.study import study_name


@pytest.mark.parametrize("space", ["fold2", "mine-fold12"])
def test_a_name_that_ends_like_a_fold_is_refused(space) -> None:
    """Its entries would be looked for under the name of a run that does not exist."""
    with pytest.raises(UsageError, match=f"rename the space '{space}'"):
        study_name("crema-d-speaker", space)


@pytest.mark.parametrize("space", ["folds", "fold", "twofold2d"])
def test_other_words_with_folds_are_names(space) -> None:
    assert study_name("crema-d-speaker", space) == f"crema-d-speaker-{space}"
