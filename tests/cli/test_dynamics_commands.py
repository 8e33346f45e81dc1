"""diagnose, rollout and perturb as typed: what is refused before the work, what is told."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from rrdyn.artifacts.npz import read_npz
from rrdyn.cli.app import main
from rrdyn.data.sudoku.kind import Sudoku
from rrdyn.data.writer import write_split
from rrdyn.models import load, save

SUDOKU = Path(__file__).parents[1] / "golden" / "models" / "sudoku4.pt"


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    solution = np.array([2, 3, 4, 5, 4, 5, 2, 3, 3, 2, 5, 4, 5, 4, 3, 2], dtype=np.uint8)
    inputs = np.where(np.random.default_rng(0).random((6, 16)) < 0.4, 1, solution).astype(np.uint8)
    for split in ("test", "val"):
        write_split(folder / "four", split, Sudoku(4), inputs, np.tile(solution, (6, 1)))
    return str(save(load(SUDOKU), folder / "ckpt", {"dataset": {"path": str(folder / "four")}}))


def test_a_rollout_is_extended_on_its_own_puzzles(checkpoint, tmp_path, capsys):
    first, longer = str(tmp_path / "a.npz"), str(tmp_path / "b.npz")
    line = ["rollout", checkpoint, "--quiet", "--split", "val", "--seed", "3"]
    assert main([*line, "--n", "4", "--segments", "2", "--keep-state", "--out", first]) == 0
    further = ["rollout", checkpoint, "--quiet", "--segments", "3", "--extend", first, "--out", longer]
    assert main(further) == 0
    meta = read_npz(longer).meta
    assert (meta["settings"]["n"], meta["seed"], meta["dataset"]["split"]) == (4, 3, "val")
    capsys.readouterr()
    for flag, value, known in (("--n", "5", "4"), ("--split", "test", "val"), ("--seed", "0", "3")):
        assert main([*further, flag, value]) == 2
        problem, found, expected, _ = capsys.readouterr().err.splitlines()
        assert problem == f"rrdyn: {flag} is not that of the rollout to extend"
        assert found.endswith(value)
        assert f"{known}, as in {first}" in expected


def test_too_few_puzzles_to_calibrate_on_are_told(checkpoint, tmp_path, capsys):
    line = ["perturb", checkpoint, "--n", "4", "--copies", "1", "--segments", "2", "--readout", "2", "--json"]
    assert main([*line, "--calibrate-kl", "1", "--calibrate-n", "500", "--out", str(tmp_path / "p.npz")]) == 0
    heard = capsys.readouterr()
    assert json.loads(heard.out)["n"] == 4
    assert "note: --calibrate-n 500: only 2 of 6 puzzles are left to calibrate on" in heard.err


def test_wanted_states_are_checked_before_the_work(checkpoint, tmp_path, capsys):
    out = tmp_path / "diag.npz"
    assert main(["diagnose", checkpoint, "--n", "2", "--save-states", "6", "--out", str(out)]) == 2
    assert "--save-states names no puzzle" in capsys.readouterr().err
    assert not out.exists()
    assert not out.with_name("diag.npz.parts").exists()


@pytest.mark.parametrize(
    ("line", "has"),
    [
        (["toy", "--n", "200", "--T", "4", "8", "--seeds", "0"], ["T & success & AUC", "8 & 0"]),
        (["fate"], ["fate & wrong & right & out of time & lost"]),
        (["perturb", "--sigmas", "0", "0.5", "--copies", "2"], [r"sigma & right at 8", r"\textbar{}noise\textbar{}"]),
        (["evaluate"], [r"segment & exact & token\_acc", "halted &"]),
    ],
    ids=lambda value: value[0],
)
def test_a_command_that_prints_a_table_prints_it_for_a_paper(line, has, checkpoint, tmp_path, capsys):
    name, *rest = line
    if name != "toy":
        small = {"fate": ["--horizon", "16", "--multipliers", "0"], "perturb": ["--segments", "8"], "evaluate": []}
        rest = [str(checkpoint), *rest, *small[name], "--n", "2", "--device", "cpu"]
    out = tmp_path / ("eval.json" if name == "evaluate" else f"{name}.npz")
    assert main([name, *rest, "--latex", "--out", str(out), "--quiet"]) == 0
    said = capsys.readouterr().out
    assert said.startswith(r"\begin{table}")
    assert said.rstrip().endswith(r"\end{table}")
    said = re.sub(" +", " ", said)
    assert all(word in said for word in has), said
    assert said.count("&") % (said.count(r"\\") or 1) == 0  # every row has as many cells as the heads
