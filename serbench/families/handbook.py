"""The table of all hyperparameters for the documentation: meaning, bounds, when it is read, and who proposed it."""

from __future__ import annotations

from typing import Any

from serbench.families.hyperparameters import Hyperparameters
from serbench.families.registry import family_names, get_family

__all__ = ["SOURCES", "handbook"]

SOURCES = {
    "weight_decay": "I. Loshchilov, F. Hutter, 2019, https://arxiv.org/abs/1711.05101",
    "schedule": "cosine: I. Loshchilov, F. Hutter, 2017, https://arxiv.org/abs/1608.03983",
    "warmup": "P. Goyal et al., 2017, https://arxiv.org/abs/1706.02677",
    "escape": 'the founding report: "trial to get out of sticking in local minimum"',
    "label_smoothing": "C. Szegedy et al., 2016, https://arxiv.org/abs/1512.00567",
    "soft_labels": "what most listeners voted for: H. Cao et al., 2014, https://doi.org/10.1109/TAFFC.2014.2336244",
    "clip_norm": "R. Pascanu et al., 2013, https://arxiv.org/abs/1211.5063",
    "mixup": "H. Zhang et al., 2018, https://arxiv.org/abs/1710.09412",
    "weight_averaging": "B. Polyak, A. Juditsky, 1992, https://doi.org/10.1137/0330046",
    "class_weights": "the founding report",
    "time_shift": "the founding report's shifting, anew in each batch",
    "noise_snr_db": "the founding report",
    "shift_s": "the founding report",
    "time_stretch": "speed perturbation: T. Ko et al., 2015, https://doi.org/10.21437/Interspeech.2015-711",
    "batch_norm": "S. Ioffe, C. Szegedy, 2015, https://arxiv.org/abs/1502.03167",
    "activation": (
        "elu: D.-A. Clevert et al., https://arxiv.org/abs/1511.07289; gelu: D. Hendrycks, K. Gimpel, "
        "https://arxiv.org/abs/1606.08415; swish: P. Ramachandran et al., https://arxiv.org/abs/1710.05941"
    ),
    "block": (
        "residual: after K. He et al., 2016, https://arxiv.org/abs/1512.03385; separable: A. Howard et al., 2017, "
        "https://arxiv.org/abs/1704.04861"
    ),
    "squeeze": "J. Hu et al., 2018, https://arxiv.org/abs/1709.01507",
    "dropout": "N. Srivastava et al., 2014, https://jmlr.org/papers/v15/srivastava14a.html",
    "head": "attention: S. Mirsamadi et al., 2017, https://doi.org/10.1109/ICASSP.2017.7952552",
    "time_mask": "SpecAugment: D. Park et al., 2019, https://doi.org/10.21437/Interspeech.2019-2680",
    "feature_mask": "after SpecAugment: D. Park et al., 2019, https://doi.org/10.21437/Interspeech.2019-2680",
    "frequency_mask": "SpecAugment: D. Park et al., 2019, https://doi.org/10.21437/Interspeech.2019-2680",
    "frequency_warp": "after vocal tract length perturbation: N. Jaitly, G. Hinton, ICML workshop 2013",
}
"""Who proposed what a hyperparameter switches on; those without are as old as the field."""

_HEAD = "| hyperparameter | default | values | meaning | read when | source |\n|---|---|---|---|---|---|\n"


def handbook() -> str:
    """All hyperparameters as Markdown, one row each; the default of each family where they differ.

    >>> "| `mixup` | 0.3 | 0 to 2 |" in handbook()
    True
    """
    models = {name: get_family(name).hyperparameters for name in family_names()}
    return _HEAD + "".join(
        _row(name, models) for name in dict.fromkeys(n for m in models.values() for n in m.model_fields)
    )


def _row(name: str, models: dict[str, type[Hyperparameters]]) -> str:
    owners = {family: model for family, model in models.items() if name in model.model_fields}
    *_, model = owners.values()
    defaults = {family: _value(owner.model_fields[name].default) for family, owner in owners.items()}
    same = len(owners) == len(models) and len(set(defaults.values())) == 1
    conditions = model.conditions().get(name, {}).items()
    cells = (
        f"`{name}`",
        next(iter(defaults.values())) if same else ", ".join(f"{family}: {text}" for family, text in defaults.items()),
        _values(model.model_json_schema()["properties"][name]),
        model.model_fields[name].description,
        "; ".join(f"`{other}` is {' or '.join(map(_value, values))}" for other, values in conditions),
        SOURCES.get(name, ""),
    )
    return f"| {' | '.join(map(str, cells))} |\n"


def _value(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value).lower() if isinstance(value, bool) else str(value)


def _values(schema: dict[str, Any]) -> str:
    if schema.get("type") == "boolean":
        return "true, false"
    if "enum" in schema:
        return ", ".join(map(_value, schema["enum"]))
    low = schema.get("minimum", schema.get("exclusiveMinimum"))
    if low is None:
        return "shares that sum to 100"
    return f"{'over ' if 'exclusiveMinimum' in schema else ''}{_value(low)} to {_value(schema['maximum'])}"
