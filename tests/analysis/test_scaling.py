"""Statistics of a made scale.npz whose answers are known."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest

from rrdyn.analysis.fates import WORDS
from rrdyn.analysis.particles import Point, grid
from rrdyn.analysis.scaling import averaged, corrected, flip_test, study
from rrdyn.artifacts.errors import InputError
from rrdyn.artifacts.npz import read_npz, write_npz
from rrdyn.artifacts.schemas import FATE, SCALE
from rrdyn.cli.app import main

S, N, B = 2, 40, 4


def made(path, *, methods=("longer", "restarts", "smc"), sure=2.0, exponents=False):
    """longer never helps; particle k of restarts is right for puzzles k mod 4 and says so by q_halt; smc likewise."""
    rows = [(0, 0, 0, t) for t in range(1, B * S + 1)]
    rows += [(1, 0, k, t) for k in range(B) for t in range(1, S + 1)]
    rows += [(2, K, k, t) for K in (1, 2, 4) for k in range(K) for t in range(1, S * (2 if K < 4 else 1) + 1)]
    method, population, particle, segment = np.array(rows).T
    idx = np.arange(N) * 3
    right = particle[None] == (np.arange(N) % 4)[:, None]
    arrays = {
        "right": right, "q_halt": np.where(right, sure, -1.0), "residual": np.where(right, 0.1, 1.0),
        "return_distance": np.where(right, 0.1, 1.0), "answer": np.where(right, 0, 1 + particle[None]),
        "evaluations": np.tile([B * S * 7, B * S * 7, 99], (N, 1)), "method": method, "population": population,
        "particle": particle, "segment": segment, "idx": idx,
    }  # fmt: skip
    if exponents:
        arrays["lambda_1"] = np.where(right, -0.1, 0.1)
    meta = {"methods": list(methods), "singles": ["longer"], "readers": {"restarts": "q_halt"}, "budget": S,
            "sub_updates_per_segment": 7, "flops_per_segment": 10,
            "dataset": {"digest": "d", "split": "test"}}  # fmt: skip
    write_npz(path, SCALE, arrays, meta)
    return path


@pytest.fixture
def file(tmp_path):
    return made(tmp_path / "scale_x.npz")


def test_points_are_those_that_were_run(file):
    found = grid(read_npz(file, SCALE))
    assert found.points("longer") == [Point(1, 1), Point(1, 2), Point(1, 4)]
    assert found.points("restarts") == [Point(1, 1), Point(2, 1), Point(4, 1)]
    assert found.points("smc") == [Point(1, 1), Point(1, 2), Point(2, 1), Point(2, 2), Point(4, 1)]
    assert found.curve("smc") == [Point(1, 1), Point(2, 1), Point(4, 1)]
    assert found.evaluations(Point(2, 2)) == 4 * S * 7
    assert found.at("smc", Point(2, 2)).right.shape == (N, 2, 2 * S)


def test_each_method_is_worth_what_it_was_made_to_be(file):
    found = study(file, "x", replicates=200)
    rows = {(r.method, r.reader, r.breadth, r.depth): r for r in found.rows}
    assert found.plain.value == 0.25
    assert [rows["restarts", "q_halt", K, 1].right for K in (1, 2, 4)] == [0.25, 0.5, 1.0]
    assert rows["restarts", "majority", 4, 1].right == pytest.approx(0.25)
    assert rows["longer", "q_halt", 1, 4].right == 0.25
    wide = rows["restarts", "q_halt", 4, 1]
    assert wide.gain == 0.75
    assert wide.over_longer == 0.75
    assert wide.p == pytest.approx(2 * 0.5**30)
    assert rows["longer", "q_halt", 1, 1].gain is None
    assert wide.flops == 4 * S * 10
    area = {a.method: a for a in found.areas}
    assert area["restarts"].area.value == pytest.approx((0.25 / 2 + 0.5 + 1 / 2) / 2)
    assert area["restarts"].over_longer.value == pytest.approx(0.5625 - 0.25)
    assert area["restarts"].break_even == 2
    assert area["longer"].break_even is None
    targets = {t.target: (t.method, t.budget) for t in found.targets}
    assert targets[0.5] == ("restarts", 2)
    assert targets[0.99] == ("restarts", 4)


def test_the_reader_that_asks_for_tangents_pays_for_them(tmp_path, file):
    found = study(made(tmp_path / "tangents.npz", exponents=True), "x", replicates=100)
    mine = {(r.method, r.breadth, r.depth): r for r in found.rows if r.reader == "lambda_1"}
    restarts = {K: mine["restarts", K, 1] for K in (1, 2)}
    assert ("restarts", 4, 1) not in mine  # 4 particles with tangents would be 8x
    assert [(row.budget, row.evaluations, row.right) for row in restarts.values()] == [
        (2, 2 * S * 7, 0.25), (4, 4 * S * 7, 0.5)]  # fmt: skip
    assert restarts[2].over_longer == 0.25
    assert not any(row.primary or row.p_holm is not None for row in mine.values())
    assert {(r.method, r.budget) for r in found.risks if r.reader == "lambda_1"} >= {("restarts", 4)}
    without = study(file, "x", replicates=100)
    assert [row for row in found.rows if row.reader != "lambda_1"] == without.rows


def test_holm_counts_every_primary_point_once(file):
    rows = study(file, "x", replicates=200).rows
    made = [row for row in rows if row.p_holm is not None]
    assert len(made) == 2 + 3 + 3  # longer at 2x and 4x; restarts and smc at 1x, 2x and 4x
    assert sum(row.over_longer_p_holm is not None for row in rows) == 6
    assert min(row.p_holm for row in made) >= len(made) * min(row.p for row in made) * 0.999
    again = corrected(rows)
    assert [row.p_holm for row in again] == [row.p_holm for row in rows]


def test_a_flip_test_is_mcnemars_of_rates_and_weighs_chances():
    rng = np.random.default_rng(0)
    a, b = np.array([1, 1, 1, 0, 1.0]), np.array([0, 0, 0, 0, 1.0])
    assert flip_test(a, b, rng) == 0.25
    assert flip_test(a, a, rng) == 1.0
    # eight gains of a quarter and one loss of a whole puzzle, by all 512 flips
    chance, than = np.array([0.25] * 8 + [0.0]), np.array([0.0] * 8 + [1.0])
    exact = np.mean([abs(sum(0.25 * (s >> i & 1 or -1) for i in range(8)) + (s >> 8 & 1 or -1)) >= 1 - 1e-9
                     for s in range(512)])  # fmt: skip
    assert flip_test(chance, than, rng) == pytest.approx(exact, abs=0.02)


def test_the_average_is_over_the_logarithm_of_compute():
    right = np.array([[0.0], [1.0], [1.0]])
    assert averaged(np.array([1, 2, 8]), right)[0] == pytest.approx((0.5 + 2) / 3)
    assert averaged(np.array([1]), right[:1])[0] == 0


def fates(path, digest="d"):
    """Puzzles 0 mod 4 right at the budget, 1 mod 4 out of time, 2 settle wrong, 3 cycle."""
    kind = np.arange(N) % 4
    zeros = np.zeros(N)
    arrays = {"fate": np.where(kind == 3, 1, 0), "period": np.ones(N, int), "settled_at": np.ones(N, int),
              "return_distance": np.zeros((N, 2)), "lambda_late": zeros, "lambda_low": zeros, "lambda_high": zeros,
              "right_budget": kind == 0, "right_end": kind < 2, "right_at": np.ones(N, int),
              "lost": np.zeros(N, bool), "idx": np.arange(N) * 3}  # fmt: skip
    write_npz(path, FATE, arrays, {"fates": list(WORDS), "budget": S, "settings": {"horizon": 9},
                                   "dataset": {"digest": digest, "split": "test"}})  # fmt: skip
    return path


def test_freed_fates(file, tmp_path):
    found = study(file, "x", fate=fates(tmp_path / "fate.npz"), replicates=200)
    freed = {(row.method, row.fate): row.freed for row in found.freed}
    assert freed["restarts", "cycle"].value == 1.0
    assert freed["longer", "cycle"].value == 0.0
    assert freed["longer", "right at the budget"].value == 1.0
    assert freed["restarts", "out of time"].n == N // 4
    with pytest.raises(InputError, match="no puzzle in common"):
        study(file, "x", fate=fates(tmp_path / "other.npz", digest="e"))


def test_the_command_writes_tables_and_figures(file, tmp_path, capsys):
    fate = fates(tmp_path / "fate.npz")
    out = tmp_path / "out"
    assert main(["analyze-scale", str(file), "--fate", str(fate), "--out", str(out), "--replicates", "200"]) == 0
    names = {path.name for path in out.iterdir()}
    assert {"scaling_x.csv", "scaling_x.json", "scaling_x.md", "areas_x.csv", "risk_x.csv", "freed_x.csv"} <= names
    assert {f"scaling_x_{name}.png" for name in ("compute", "readers", "map", "freed")} <= names
    assert "0.250 [" in capsys.readouterr().out
    record = json.loads((out / "scaling_x.json").read_text())
    assert record["plain"]["value"] == 0.25
    table = pl.read_csv(out / "scaling_x.csv")
    assert len(table) == len(record["rows"])


def test_other_files_are_refused(tmp_path):
    path = made(tmp_path / "scale.npz", methods=("damped", "restarts", "smc"))
    with pytest.raises(InputError, match="no plain rollout"):
        study(path, "x")
    whole = read_npz(made(tmp_path / "whole.npz"), SCALE)
    for column in (0, 3, B * S + 1):  # a segment or a particle is lost
        arrays = {key: np.delete(array, column, -1) if SCALE.arrays[key].dims.endswith("C") else array
                  for key, array in whole.items()}  # fmt: skip
        write_npz(tmp_path / "less.npz", SCALE, arrays, whole.meta)
        with pytest.raises(InputError, match="columns of some particles are missing"):
            study(tmp_path / "less.npz", "x")
    path = made(tmp_path / "scale.npz", methods=("longer",))
    with pytest.raises(InputError, match="does not say what its columns are"):
        study(path, "x")
