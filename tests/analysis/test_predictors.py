"""The base of the increment, each of its numbers alone, and what fates add."""

from __future__ import annotations

import numpy as np
import pytest
from tests.analysis.made_files import diagnosis, write_diagnosis

from rrdyn.analysis.predictors import fate_of, increments, predictors
from rrdyn.analysis.puzzles import read_puzzles
from rrdyn.artifacts.errors import InputError
from rrdyn.artifacts.npz import read_npz, write_npz
from rrdyn.artifacts.schemas import FATE

INPUTS = {"ckpt.pt": "abc"}


def puzzles(tmp_path, n=300, halt=None, **more):
    arrays = diagnosis(n=n, accuracy=0.5) | {"residual": diagnosis(n)["drift_zH"] / 50} | more
    if halt is not None:
        arrays["q_halt"] = halt
    return read_puzzles(write_diagnosis(tmp_path / "d.npz", arrays, inputs=INPUTS))


def write_fates(path, idx, fate, multiplier=None, inputs=INPUTS):
    n = len(idx)
    arrays = {
        "fate": fate, "period": np.ones(n, int), "settled_at": np.ones(n, int), "return_distance": np.zeros((n, 2)),
        "lambda_late": np.zeros(n), "lambda_low": np.zeros(n), "lambda_high": np.zeros(n),
        "right_budget": np.zeros(n, bool), "right_end": np.zeros(n, bool), "right_at": np.zeros(n, int),
        "lost": np.zeros(n, bool), "idx": idx,
    }  # fmt: skip
    if multiplier is not None:
        arrays |= {"multiplier_re": multiplier, "multiplier_im": np.zeros_like(multiplier)}
    return write_npz(path, FATE, arrays, {"inputs": inputs, "fates": ["fixed", "cycle", "chaotic"]})


def test_the_base_and_each_number_alone(tmp_path):
    p = puzzles(tmp_path)
    found = increments(p)
    assert found.over == ["log10_residual", "log10_last_drift", "log10_late_drift", "q_halt", "q_halt_max"]
    assert set(found.added) == {"lambda_1", "spectral_mean", "log10_path"}
    assert found.placebo == "log10_path"
    assert set(found.alone) == {*found.over, *found.added}
    assert found.alone["q_halt"].low > 0.5
    assert found.warnings == []
    assert found.says.startswith(found.added["lambda_1"].says)
    assert "a placebo, whole path" in found.says
    assert found == increments(p)


def test_a_weak_base_is_told(tmp_path):
    noise = np.random.default_rng(0).normal(size=(300, 16)).astype(np.float32)
    assert any("q_halt alone does not tell" in told for told in increments(puzzles(tmp_path, halt=noise)).warnings)


def test_few_puzzles_and_one_exponent(tmp_path):
    found = increments(read_puzzles(write_diagnosis(tmp_path / "e.npz", diagnosis(n=30, k=1))))
    assert "not measured" in found.says
    assert "spectral_mean" not in found.alone
    assert found.over[0] == "log10_last_drift"  # no residual in the file


def test_one_late_segment_gives_one_drift(tmp_path):
    p = read_puzzles(write_diagnosis(tmp_path / "s.npz", diagnosis(n=60, segments=4)))
    assert list(predictors(p).base) == ["log10_last_drift", "q_halt", "q_halt_max"]


def test_fates_are_joined_by_puzzle_and_asked(tmp_path):
    p = puzzles(tmp_path)
    rng = np.random.default_rng(1)
    told = np.where(p.correct, 0, rng.integers(0, 3, p.n))  # right puzzles are fixed, wrong ones anything
    order = rng.permutation(p.n)[:-10]
    multiplier = np.where(told[:, None] == 2, np.nan, rng.uniform(0.1, 0.9, (p.n, 1)))
    fates = write_fates(tmp_path / "fate.npz", p.idx[order], told[order], multiplier[order])
    found = increments(p, fate=fates)
    assert found.n == found.added["lambda_1"].n == p.n
    assert found.added["fate"].n == p.n - 10
    assert found.added["fate"].independence.degrees == 2
    assert found.added["fate"].adds
    assert "multiplier" in found.added
    assert fate_of(p, [read_npz(fates)], alone=False) == fates
    other = write_fates(tmp_path / "other.npz", p.idx, told, inputs={"b.pt": "xyz"})
    assert fate_of(p, [read_npz(other), read_npz(fates)], alone=False) == fates
    assert fate_of(p, [read_npz(other)], alone=False) is None


def test_fates_of_other_puzzles_or_weights(tmp_path):
    p = puzzles(tmp_path)
    other = write_fates(tmp_path / "a.npz", p.idx + 10_000, np.zeros(p.n, int))
    with pytest.raises(InputError, match="none of the puzzles"):
        increments(p, fate=other)
    foreign = write_fates(tmp_path / "b.npz", p.idx, np.zeros(p.n, int), inputs={"ckpt.pt": "xyz"})
    with pytest.raises(InputError, match="two checkpoints"):
        increments(p, fate=foreign)
    alike = write_fates(tmp_path / "c.npz", p.idx, np.zeros(p.n, int))
    found = increments(p, fate=alike)
    assert "fate" not in found.added
    assert any("all fates are alike" in warning for warning in found.warnings)
