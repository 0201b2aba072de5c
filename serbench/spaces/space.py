"""`SearchSpace`: what is searched, validated against the family's hyperparameters before anything runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import optuna
from pydantic import Field, ValidationError

from serbench.families import Family, Hyperparameters, parse_hyperparameters
from serbench.features import FeatureSpec
from serbench.protocols import Ratio
from serbench.records import FrozenModel, ReportedScores, digest_of
from serbench.spaces.dimensions import Dimension, Fixed
from serbench.training import FitSettings

__all__ = ["Budget", "Enqueued", "SearchSpace", "explain"]


class Budget(FrozenModel):
    """The `[budget]` table: how much a search spends where the command line does not say. Not part of the hash."""

    trials: int = Field(default=30, ge=1, description="trials that count, earlier runs included")
    probes: int = Field(default=0, ge=0, description="random configurations first trained on a quarter of the epochs")
    finalists: int = Field(default=3, ge=0, description="configurations that are refitted and tested")
    repeats: int = Field(default=3, ge=1, description="refits of each finalist, on fresh seeds")


@dataclass(frozen=True)
class Enqueued:
    """A known configuration that is tried first.

    What it leaves open is the space's fixed value, else the family's default.

    Attributes:
        name: shown in tables; unique in the space.
        config: complete hyperparameters.
        finalist: whether it is refitted and tested whatever its validation score.
        reported: what somebody else printed for it, to be shown beside what it reaches here.
    """

    name: str
    config: dict[str, Any]
    finalist: bool = False
    reported: ReportedScores | None = None


@dataclass(frozen=True)
class SearchSpace:
    """A validated space.

    Attributes:
        name: of the file, or as its `[space]` table says.
        protocol: name of the one it is run under where the command line does not say; None for `speaker`.
        test_core: percent; part of the protocol.
        validation_core: percent.
        speaker_normalisation: part of the protocol, too.
        parameters: in an order in which conditions come before what depends on them.
        text: the file's text, kept in the study's record.
    """

    name: str
    title: str
    family: Family
    protocol: str | None
    test_core: Decimal
    validation_core: Decimal
    speaker_normalisation: bool
    features: FeatureSpec
    training: FitSettings
    parameters: dict[str, Dimension]
    enqueued: tuple[Enqueued, ...]
    budget: Budget
    text: str

    def describe(self) -> dict[str, Any]:
        """Everything that decides what is searched, JSON-able; comments and order of the file do not count."""
        transductive = {"speaker_normalisation": True} if self.speaker_normalisation else {}
        return {
            "family": self.family.name,
            "protocol": {
                "test_core": f"{self.test_core:f}",
                "validation_core": f"{self.validation_core:f}",
                **transductive,
            },
            "features": self.features.model_dump(mode="json"),
            "training": self.training.model_dump(mode="json"),
            "parameters": {name: dim.model_dump(mode="json") for name, dim in self.parameters.items()},
            "enqueue": {
                known.name: {"finalist": known.finalist, "parameters": known.config} for known in self.enqueued
            },
        }

    def ratios(self) -> list[str]:
        """Every split ratio that a trial of this space may draw."""
        dimension = self.parameters.get("split_ratio")
        drawn = [str(text) for text in dimension.probes()] if dimension else []
        if dimension is None or dimension.when:
            drawn.append(str(defaults(self.family.hyperparameters)["split_ratio"]))
        return [*drawn, *(str(known.config["split_ratio"]) for known in self.enqueued)]

    def with_training(self, **changes: Any) -> SearchSpace:
        """The same space with other `[training]` settings, which makes it another space."""
        return replace(self, training=self.training.model_copy(update=changes))

    def with_split(self, text: str) -> SearchSpace:
        """The same space at one split ratio whose shares are the cores, which makes it another space and protocol.

        Raises:
            UsageError: the text is no ratio.
        """
        ratio = Ratio.parse(text)
        return replace(
            self,
            test_core=ratio.test,
            validation_core=ratio.validation,
            parameters=self.parameters | {"split_ratio": Fixed(value=text)},
            enqueued=tuple(replace(known, config={**known.config, "split_ratio": text}) for known in self.enqueued),
        )

    @property
    def fixed_split(self) -> str | None:
        """The split ratio where there is but one."""
        dimension = self.parameters.get("split_ratio")
        return str(dimension.value) if isinstance(dimension, Fixed) else None

    @property
    def hash(self) -> str:
        """A study resumes only on an equal one."""
        return digest_of(self.describe())

    @property
    def searched(self) -> list[str]:
        """Names of the parameters that vary."""
        return [name for name, dim in self.parameters.items() if not isinstance(dim, Fixed)]

    def proposals(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """The part of a known configuration that Optuna can learn from: searched, active, inside its range."""
        return {
            name: config[name]
            for name in self.searched
            if self.parameters[name].active(config) and self.parameters[name].contains(config[name])
        }

    def distributions(self, names: Iterable[str]) -> dict[str, optuna.distributions.BaseDistribution]:
        """What Optuna draws searched parameters from."""
        dimensions = {name: self.parameters[name] for name in names}
        return {name: dim.distribution for name, dim in dimensions.items() if not isinstance(dim, Fixed)}

    @property
    def reads_votes(self) -> bool:
        """Whether a configuration may train on what listeners heard."""
        soft = self.parameters.get("soft_labels")
        return soft is not None and not (isinstance(soft, Fixed) and not soft.value)

    def suggest(self, trial: optuna.trial.BaseTrial, known: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Draws a configuration from an Optuna trial.

        Args:
            trial: an asked trial; where it was enqueued, Optuna hands back the values it was enqueued with.
            known: a complete configuration that overrides what is drawn.

        Returns:
            Complete hyperparameters, not yet checked against each other.
        """
        config: dict[str, Any] = defaults(self.family.hyperparameters) | dict(known or {})
        proposals = None if known is None else self.proposals(known)
        for name, dimension in self.parameters.items():
            if dimension.active(config) and (proposals is None or name in proposals):
                config[name] = dimension.suggest(trial, name)
        return config

    def misfit(self, config: Mapping[str, Any]) -> str | None:
        """Why a complete configuration could not have been drawn from this space; None where it could."""
        return next(iter(self.misfits(config).values()), None)

    def misfits(self, config: Mapping[str, Any]) -> dict[str, str]:
        """Each hyperparameter that keeps a complete configuration from having been drawn from this space, and why.

        What the configuration does not read (the momentum of an optimiser that has none) does not matter.
        """
        model = self.family.hyperparameters
        found = {name: f"family {self.family.name} has no {name}" for name in config.keys() - model.model_fields.keys()}
        if found:
            return dict(sorted(found.items()))
        idle = parse_hyperparameters(self.family, config).idle_fields()
        for name, default in defaults(model).items():
            dimension = self.parameters.get(name)
            if name in idle:
                continue
            if dimension is not None and dimension.active(config):
                if not dimension.contains(config[name]):
                    found[name] = f"{name} = {config[name]} is not in {dimension}"
            elif config[name] != default:
                found[name] = f"{name} = {config[name]}, where the space has {default}"
        return found

    def complete(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """Checks a configuration against the family.

        Raises:
            InvalidConfiguration: its values do not go together.
        """
        return parse_hyperparameters(self.family, config).model_dump(mode="json")


def defaults(model: type[Hyperparameters]) -> dict[str, Any]:
    """The family's default of every hyperparameter."""
    return {name: field.get_default(call_default_factory=True) for name, field in model.model_fields.items()}


def explain(error: ValidationError) -> str:
    """The first complaint of pydantic in one line, beginning with the value that it is about.

    >>> from pydantic import BaseModel
    >>> class Model(BaseModel):
    ...     depth: int
    >>> try:
    ...     Model(depth="x")
    ... except ValidationError as problem:
    ...     explain(problem)
    "depth = 'x': input should be a valid integer, unable to parse string as an integer"
    """
    first = error.errors()[0]
    message = first["msg"].removeprefix("Value error, ")
    message = message[0].lower() + message[1:]
    where = ".".join(str(part) for part in first["loc"])
    return f"{where} = {first['input']!r}: {message}" if where else message
