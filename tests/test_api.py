"""The public Python API: its names, that it is lazy, and that a function gives the numbers of its command."""

from __future__ import annotations

import inspect
import subprocess
import sys

import numpy as np
import pytest
from tests.analysis.made_files import diagnosis, write_diagnosis

import rrdyn
from rrdyn.artifacts.npz import read_npz
from rrdyn.cli.app import main

NAMES = {
    "rrdyn": ["load", "open_subject", "diagnose", "fate", "measure", "scale", "analyze_2x2", "plot", "__version__"],
    "rrdyn.models": ["build", "load", "save", "register", "Latent", "Model", "Readout"],
    "rrdyn.dynamics": ["lyapunov_spectrum", "classify_fate", "find_cycle", "FATES", "maps"],
    "rrdyn.dynamics.protocol": ["Recurrence"],
    "rrdyn.dynamics.maps": ["henon", "logistic"],
    "rrdyn.data": ["open_split", "register"],
    "rrdyn.measurement": ["register", "Measurement", "register_method", "Method"],
    "rrdyn.artifacts.npz": ["read_npz"],
}


@pytest.mark.parametrize("module", NAMES)
def test_the_names_that_stay(module):
    from importlib import import_module

    for name in NAMES[module]:
        assert hasattr(import_module(module), name), f"{module}.{name}"


def test_rooms_are_reached_from_the_package_and_what_is_not_there_is_an_attribute_error():
    assert inspect.ismodule(rrdyn.dynamics.maps)
    with pytest.raises(AttributeError, match="nothing"):
        rrdyn.nothing  # noqa: B018


def test_import_loads_neither_torch_nor_matplotlib():
    line = "import sys, rrdyn; print(sorted({'torch', 'matplotlib', 'numpy', 'tyro'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", line], capture_output=True, text=True).stdout.strip() == "[]"


def test_diagnose_gives_the_numbers_of_the_command(tiny_study, tmp_path):
    checkpoint = tiny_study.place / "runs/tiny/pretrain"
    data = next((tiny_study.place / "runs/tiny").glob("data*"), None)
    options = [] if data is None else ["--data", str(data)]
    line = ["diagnose", str(checkpoint), "--n", "3", "--k", "2", "--device", "cpu", *options]
    assert main([*line, "--out", str(tmp_path / "diag.npz")]) == 0
    written = read_npz(tmp_path / "diag.npz")
    found = rrdyn.diagnose(checkpoint, n=3, k=2, device="cpu", data=data)
    assert found.arrays.keys() == written.arrays.keys()
    for key, column in written.items():
        np.testing.assert_array_equal(found.arrays[key], column, err_msg=key)
    assert found.to_polars().shape == (3, len(written.arrays))


def test_analysis_and_figure_in_memory(tmp_path):
    path = write_diagnosis(tmp_path / "diag.npz", diagnosis(n=60))
    result = rrdyn.analyze_2x2([path], replicates=100)
    assert [item.results.n for item in result.found] == [60]
    assert [one.name for one in tmp_path.iterdir()] == ["diag.npz"]
    assert rrdyn.plot("2x2", result).figure is not None
    assert [one.name for one in tmp_path.iterdir()] == ["diag.npz"]


def test_fate_is_a_measurement(tiny_study):
    checkpoint = tiny_study.place / "runs/tiny/pretrain"
    data = next((tiny_study.place / "runs/tiny").glob("data*"), None)
    found = rrdyn.fate(checkpoint, n=2, horizon=24, multipliers=0, device="cpu", data=data)
    assert found.arrays["fate"].shape == (2,)
