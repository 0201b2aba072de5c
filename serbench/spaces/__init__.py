"""Search spaces: the file, what it may say, what it becomes."""

from serbench.spaces.file import default_spaces, find_space, load_space, space_names

__all__ = ["default_spaces", "find_space", "load_space", "space_names"]
