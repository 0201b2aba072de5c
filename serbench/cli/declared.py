"""Commands whose options are generated from the fields of `SearchRequest`."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import Field, fields
from pathlib import Path
from typing import Annotated, Any, Concatenate, ParamSpec, TypeVar, get_origin, get_type_hints

import typer
from typer.core import TyperCommand

from serbench.home import expanded
from serbench.search import Panel, SearchRequest, option_of, request_options

__all__ = ["PanelledCommand", "declared_option", "expanded_path", "request_from", "takes_request"]

P = ParamSpec("P")
R = TypeVar("R")


def declared_option(name: str) -> Any:
    """Returns the Typer option of a field of `SearchRequest`, for other commands with the same option.

    Args:
        name: name of the field.
    """
    (found,) = (declared for declared in fields(SearchRequest) if declared.name == name)
    return _typer_option(found)


def takes_request(
    argument: Any,
) -> Callable[[Callable[Concatenate[SearchRequest, P], R]], Callable[..., R]]:
    """Replaces the first parameter of a command, a `SearchRequest`, by an option for each field of the request.

    Args:
        argument: the Typer argument for the field `spaces`.

    Returns:
        A decorator for the command.
    """

    def decorate(command: Callable[Concatenate[SearchRequest, P], R]) -> Callable[..., R]:
        hints = get_type_hints(SearchRequest)
        own = list(inspect.signature(command, eval_str=True).parameters.values())[1:]
        parameters = [_parameter("spaces", Annotated[list[str] | None, argument], None)]
        for declared in request_options():
            many = get_origin(hints[declared.name]) is tuple
            kind = list[str] | None if many else hints[declared.name]
            default = None if many else declared.default
            parameters.append(_parameter(declared.name, Annotated[kind, _typer_option(declared)], default))
        parameters += [one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in own]

        @functools.wraps(command)
        def run(**values: Any) -> R:
            rest = {one.name: values.pop(one.name) for one in own}
            return command(request_from(values), **rest)  # type: ignore[call-arg]

        del run.__wrapped__
        run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        run.__annotations__ = {one.name: one.annotation for one in parameters}
        return run

    return decorate


def expanded_path(path: Path | None) -> Path | None:
    """Puts the home folder in place of a leading `~` where no shell has: in `--results=~/x` and environment variables.

    >>> expanded_path(Path("results/~x")).parts
    ('results', '~x')
    """
    return None if path is None else expanded(path)


def request_from(values: dict[str, Any]) -> SearchRequest:
    """Builds a request from parsed options. Lists become tuples.

    Args:
        values: value of each field of `SearchRequest`.
    """
    asked: dict[str, Any] = {}
    for declared in fields(SearchRequest):
        value = values[declared.name]
        asked[declared.name] = tuple(value or ()) if isinstance(declared.default, tuple) else value
    return SearchRequest(**asked)


def _parameter(name: str, annotation: Any, default: Any) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=annotation, default=default)


def _typer_option(declared: Field[Any]) -> Any:
    option = option_of(declared)
    return typer.Option(
        *option.flags,
        help=option.help,
        metavar=option.metavar,
        envvar=option.envvar,
        parser=option.parser,
        callback=expanded_path if declared.type in {"Path", "Path | None"} else None,
        rich_help_panel=option.panel.value,
    )


class PanelledCommand(TyperCommand):
    """A command whose help groups the options by panel. Typer itself does this only with Rich help pages."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Writes the arguments, then the options of each panel, then all other options."""
        groups: dict[str, list[tuple[str, str]]] = {"Arguments": [], **{panel.value: [] for panel in Panel}}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None:
                usual = "Arguments" if parameter.param_type_name == "argument" else "Options"
                panel = getattr(parameter, "rich_help_panel", None) or usual
                groups.setdefault(panel, []).append(record)
        for name, records in groups.items():
            if records:
                with formatter.section(name):
                    formatter.write_dl(records)
