"""Search spaces: the space file, its parameters, and the validated `SearchSpace`.

Names are loaded when first used (see `serbench.faces`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from serbench.faces import lazy_face

if TYPE_CHECKING:
    from serbench.spaces.dimensions import Choice
    from serbench.spaces.draws import check_draws
    from serbench.spaces.file import (
        broken_default_spaces,
        default_spaces,
        find_space,
        load_space,
        read_space,
        space_for_size,
        space_names,
    )
    from serbench.spaces.one_config import one_config_space
    from serbench.spaces.space import Budget, ChosenOn, Enqueued, SearchSpace, defaults, explain
else:
    __getattr__ = lazy_face(
        __name__,
        {
            "dimensions": ("Choice",),
            "draws": ("check_draws",),
            "file": (
                "broken_default_spaces",
                "default_spaces",
                "find_space",
                "load_space",
                "read_space",
                "space_for_size",
                "space_names",
            ),
            "one_config": ("one_config_space",),
            "space": (
                "Budget",
                "ChosenOn",
                "Enqueued",
                "SearchSpace",
                "defaults",
                "explain",
            ),
        },
    )

__all__ = [
    "Budget",
    "Choice",
    "ChosenOn",
    "Enqueued",
    "SearchSpace",
    "broken_default_spaces",
    "check_draws",
    "default_spaces",
    "defaults",
    "explain",
    "find_space",
    "load_space",
    "one_config_space",
    "read_space",
    "space_for_size",
    "space_names",
]
