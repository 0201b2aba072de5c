"""Search-space files, the Optuna study and its coordinator, the engines that run jobs."""

from serbench.search.observer import Observer
from serbench.search.plan import SearchPlan
from serbench.search.run_spaces import run_search
from serbench.search.studies.study import Study
from serbench.spaces.file import find_space, load_space, space_names
from serbench.spaces.space import SearchSpace

__all__ = [
    "Observer",
    "SearchPlan",
    "SearchSpace",
    "Study",
    "find_space",
    "load_space",
    "run_search",
    "space_names",
]
