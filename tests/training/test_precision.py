"""Precision: what `auto` chooses, and that a fit in bfloat16 gives a model of float32."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from serbench.errors import UsageError
from serbench.evaluation import evaluate
from serbench.training import ClipTargets, bfloat16_unit, choose_precision

CPUS = {
    "sapphire rapids": "processor\t: 0\nflags\t\t: fpu avx512f avx512_bf16 amx_bf16 amx_tile\nbugs\t\t: none\n",
    "zen 4": "flags\t\t: fpu avx512f avx512_bf16\nbugs\t\t: amx_bf16\n",
    "skylake": "flags\t\t: fpu avx512f avx512vl\n",
    "arm": "Features\t: fp asimd bf16\n",
}


@pytest.mark.parametrize(
    ("cpu", "unit"), [("sapphire rapids", "amx_bf16"), ("zen 4", "avx512_bf16"), ("skylake", None), ("arm", None)]
)
def test_auto_is_what_the_processor_multiplies_in_hardware(cpu, unit) -> None:
    assert bfloat16_unit(cpuinfo=CPUS[cpu]) == unit
    assert choose_precision("auto", cpuinfo=CPUS[cpu]) == ("bfloat16" if unit else "float32")


@pytest.mark.parametrize("asked", ["float32", "bfloat16"])
@pytest.mark.parametrize("cpu", ["sapphire rapids", "skylake"])
def test_a_precision_that_is_asked_for_is_taken(asked, cpu) -> None:
    assert choose_precision(asked, cpuinfo=CPUS[cpu]) == asked


def test_an_unknown_precision_is_refused_with_the_nearest() -> None:
    with pytest.raises(UsageError, match="unknown precision 'bfloat'; did you mean 'bfloat16'"):
        choose_precision("bfloat")


@pytest.mark.parametrize(("capability", "found"), [("9.0", "bfloat16"), ("7.5", "float32"), ("no driver", "float32")])
def test_a_gpu_decides_for_the_backends_that_train_on_it(capability, found, tmp_path, monkeypatch) -> None:
    from serbench.training.precision import _compute_capability

    tool = tmp_path / "nvidia-smi"
    tool.write_text(f"#!/bin/sh\necho {capability}\n", encoding="ascii")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    _compute_capability.cache_clear()
    assert choose_precision("auto", "jax", CPUS["sapphire rapids"]) == found
    assert choose_precision("auto", "tensorflow", CPUS["skylake"]) == "float32"
    _compute_capability.cache_clear()


SHOW = """
from serbench.training import pin_keras_settings
pin_keras_settings()
import keras
print(keras.config.floatx(), keras.config.epsilon(), keras.config.image_data_format(), keras.config.dtype_policy().name)
"""
HOSTILE = {
    "valid": {"floatx": "float16", "epsilon": 0.5, "image_data_format": "channels_first", "backend": "numpy"},
    "invalid": {"floatx": "octonion"},
}


@pytest.mark.slow  # test_study_precision.py has one of them in a search
@pytest.mark.parametrize("where", ["HOME", "KERAS_HOME"])
@pytest.mark.parametrize("content", HOSTILE)
def test_a_keras_json_is_neither_read_nor_changed(where, content, tmp_path) -> None:
    folder = tmp_path / ".keras" if where == "HOME" else tmp_path
    folder.mkdir(exist_ok=True)
    text = json.dumps(HOSTILE[content])
    (folder / "keras.json").write_text(text, encoding="utf-8")
    environment = {name: value for name, value in os.environ.items() if name != "KERAS_HOME"}
    done = subprocess.run(
        [sys.executable, "-c", SHOW],
        env={**environment, where: str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["float32", "1e-07", "channels_last", "float32"]
    assert (folder / "keras.json").read_text(encoding="utf-8") == text
    assert [path.name for path in folder.iterdir()] == ["keras.json"]


@pytest.mark.children
@pytest.mark.parametrize(
    "config", [{"batch_norm": True}, {"weight_averaging": 0.9, "head": "attention", "time_mask": 4, "time_shift": 2.0}]
)
@pytest.mark.slow
def test_the_model_of_a_fit_in_bfloat16_is_one_of_float32_that_repeats_its_predictions(
    make_job, features, targets, tmp_path: Path, config
) -> None:
    import keras

    from serbench.families import custom_objects
    from serbench.training.data import predict
    from serbench.training.fit import fit

    job = make_job(config=config, precision="bfloat16", keep_model=True, settings={"epochs": 10, "patience": 10})
    outcome = fit(job, [features], ClipTargets(targets))
    (tmp_path / "model.keras").write_bytes(outcome.model)
    model = keras.models.load_model(tmp_path / "model.keras", custom_objects=custom_objects("cnn1d"), compile=False)
    assert {layer.compute_dtype for layer in model.layers} == {"float32"}
    rows = job.predict["validation"]
    recorded = outcome.predictions["validation"]
    assert np.array_equal(predict(model, features, rows), recorded)
    scores = evaluate(targets[np.asarray(rows)], recorded, job.labels)
    assert outcome.value == scores.mean_recall_present > 0.6
    assert keras.config.dtype_policy().name == "float32", "the policy ends with the fit"


@pytest.mark.children
def test_bfloat16_is_what_trains(make_job, features, targets) -> None:
    """The layers between input and softmax compute in it, so that the losses differ from those of float32."""
    from serbench.training.fit import fit

    config = {"batch_norm": True, "width": 24}
    jobs = [make_job(config=config, precision=name) for name in ("float32", "bfloat16", "bfloat16")]
    full, half, again = (fit(job, [features], ClipTargets(targets)) for job in jobs)
    losses = [[epoch.loss for epoch in outcome.epochs] for outcome in (full, half, again)]
    assert losses[0] != losses[1]
    assert np.allclose(losses[0], losses[1], rtol=0.05)
    assert losses[1] == losses[2], "a fit in bfloat16 repeats to the last bit"
