from __future__ import annotations

import json

import numpy as np
import pytest

from rrdyn.artifacts.cells import read_cells, write_cell
from rrdyn.artifacts.errors import InputError, Notice


def a_cell(folder, model="trm-mlp", window=3):
    return write_cell(
        folder,
        {"model": model, "method": "z0-noise", "window": window, "c_star": 0.25, "seed": 1},
        {"per_prompt_per_t_kl": {"1.0": [[0.5, 1.0, float("nan")], [0.1]], "0.5": [[0.1, 0.2, 0.3]]}},
        {"computed": True, "fork_points": [0, 2], "pmass": {"1.0": [[0.9, 0.8]]}, "pmass_eval": {"1.0": [[1, 0.5]]}},
    )


def test_round_trip(tmp_path):
    a_cell(tmp_path / "b")
    (cell,) = read_cells(tmp_path)
    assert (cell.name, cell.model, cell.window, cell.c_star, cell.alphas) == ("b", "trm-mlp", 3, 0.25, ["0.5", "1.0"])
    np.testing.assert_array_equal(cell.kl("1.0"), [[0.5, 1, np.nan], [0.1, np.nan, np.nan]])
    np.testing.assert_array_equal(cell.mass("1.0"), [[0.9, 0.8]])
    np.testing.assert_array_equal(cell.mass("1.0", paired=True), [[1, 0.5]])
    assert cell.kl("9.0").shape == (0, 3)
    assert [c.name for c in read_cells(tmp_path / "b")] == ["b"]


def test_filters_and_order(tmp_path):
    a_cell(tmp_path / "b")
    a_cell(tmp_path / "a", model="hrm", window=4)
    a_cell(tmp_path / "_old")
    (tmp_path / "empty").mkdir()
    old = a_cell(tmp_path / "stale")
    (old / "trajectory.json").write_text("{}")
    with pytest.warns(Notice, match="stale"):
        assert [c.name for c in read_cells(tmp_path)] == ["a", "b"]
    (old / "calib.json").unlink()
    assert [c.name for c in read_cells(tmp_path, window=3)] == ["b"]
    assert [c.name for c in read_cells(tmp_path, model_contains="hr")] == ["a"]


def test_files_are_strict_json_and_foreign_nan_is_read(tmp_path):
    folder = a_cell(tmp_path / "c")
    text = (folder / "trajectory.json").read_text()
    assert "NaN" not in text
    assert json.loads(text)["per_prompt_per_t_kl"]["1.0"][0][2] is None
    (folder / "trajectory.json").write_text(json.dumps({"per_prompt_per_t_kl": {"1.0": [[float("nan"), 2.0]]}}))
    assert np.isnan(read_cells(tmp_path)[0].kl("1.0")[0, 0])


def test_masses_may_be_missing(tmp_path):
    folder = a_cell(tmp_path / "c")
    (folder / "pmass.json").write_text('{"computed": false}')
    cell = read_cells(tmp_path)[0]
    assert cell.fork_points == []
    assert cell.mass("1.0").size == 0


def test_refusals(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        read_cells(tmp_path / "nowhere")
    folder = a_cell(tmp_path / "c")
    (folder / "calib.json").write_text("{")
    with pytest.raises(InputError, match="not readable JSON"):
        read_cells(tmp_path)
    (folder / "calib.json").write_text("[]")
    with pytest.raises(InputError, match="not as it should be"):
        read_cells(tmp_path)
