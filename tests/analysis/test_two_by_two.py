"""The source study's numbers, to twelve digits."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from tests.agreement import assert_same_text
from tests.analysis.made_files import GOLDEN, diagnosis, write_diagnosis

from rrdyn.analysis import evolution, two_by_two
from rrdyn.analysis.cells import cells_csv, rows_csv
from rrdyn.analysis.puzzles import read_puzzles
from rrdyn.analysis.ranks import auc
from rrdyn.analysis.thresholds import otsu

TAGS = ("bimodal_n512", "ties_n300")


def assert_equal(found: Any, wanted: Any, place: str = "") -> None:
    if isinstance(wanted, dict):
        assert list(found) == list(wanted), place
        for key in wanted:
            assert_equal(found[key], wanted[key], f"{place}/{key}")
    elif isinstance(wanted, list):
        assert len(found) == len(wanted), place
        for number, (one, other) in enumerate(zip(found, wanted)):
            assert_equal(one, other, f"{place}/{number}")
    elif isinstance(wanted, float):
        assert found == pytest.approx(wanted, abs=1e-9, rel=0), place
    elif place != "/npz":
        assert found == wanted, place


@pytest.mark.parametrize("tag", TAGS)
def test_compat_is_the_source_study(tag, tmp_path, record_property):
    found = two_by_two.analyze(read_puzzles(GOLDEN / f"diag_{tag}.npz", keep_all=True), tag, compat=True)
    two_by_two.write(found, tmp_path)
    wanted = json.loads((GOLDEN / f"results_{tag}.json").read_text())
    assert_equal(json.loads((tmp_path / f"results_{tag}.json").read_text()), wanted)
    for name in ("cells", "sweep"):
        file = f"{name}_{tag}.csv"
        assert_same_text((tmp_path / file).read_text(), (GOLDEN / file).read_text(), record_property)


@pytest.mark.parametrize("tag", TAGS)
def test_the_default_keeps_every_name_and_place(tag):
    found = two_by_two.analyze(read_puzzles(GOLDEN / f"diag_{tag}.npz"), tag, replicates=100).results.model_dump()
    wanted = json.loads((GOLDEN / f"results_{tag}.json").read_text())
    for key, value in wanted.items():
        assert key in found
        if isinstance(value, dict):
            assert set(value) <= set(found[key]), key
    # what needs no threshold cannot change with it
    assert found["auc"]["neg_lam1_predicts_correct_overall"] == pytest.approx(
        wanted["auc"]["neg_lam1_predicts_correct_overall"], abs=1e-12
    )


def test_otsu_and_auc_cases():
    cases = json.loads((GOLDEN / "helpers_golden.json").read_text())
    for case in cases["otsu"]:
        # where the source study's function stops (constant values), ours gives their median
        assert otsu(np.array(case["x"])) == pytest.approx(case.get("tau", np.median(case["x"])), abs=1e-12)
    for case in cases["auc"]:
        found, wanted = auc(np.array(case["score"]), np.array(case["label"])), case["auc"]
        assert (np.isnan(found) and (wanted is None or np.isnan(wanted))) or found == pytest.approx(wanted, abs=1e-12)


@pytest.mark.filterwarnings("ignore::rrdyn.artifacts.errors.Notice")
def test_empty_cells_follow_the_source_rules(tmp_path):
    arrays = diagnosis(n=40)
    arrays["exact_correct"][:] = 1
    found = two_by_two.analyze(read_puzzles(write_diagnosis(tmp_path / "d.npz", arrays)), "d", compat=True)
    assert found.results.cells["B_conv_wrong"].model_dump() == {"n": 0}
    assert "B_conv_wrong,0,,,,,,,\n" in cells_csv(found.results.cells)
    assert np.isnan(found.results.contrasts["dlam1_within_converged"])
    assert rows_csv([row.model_dump() for row in found.sweep]).splitlines()[1].endswith(",nan,nan")
    two_by_two.write(found, tmp_path)
    assert json.loads((tmp_path / "results_d.json").read_text())["contrasts"]["dlam1_within_converged"] is None


@pytest.mark.filterwarnings("ignore::rrdyn.artifacts.errors.Notice")
def test_series_in_the_dtype_of_the_files(tmp_path):
    paths = []
    for seed, step in enumerate((2604, 5208)):
        paths.append(write_diagnosis(tmp_path / f"diag_hrm_step_{step}_512.npz", diagnosis(seed=seed, n=200)))
    found = evolution.evolve_as_source(evolution.read_series([*paths, tmp_path / "diag_hrm_step_7812_512.npz"]), "hrm")
    assert [row["step"] for row in found.rows] == ["2604", "5208"]
    with np.load(paths[0]) as d:
        drift = np.log10(np.clip(d["drift_zH"][:, -4:].mean(axis=1), 1e-12, None))
        settled = drift < otsu(drift)
        right = d["exact_correct"] == 1
        row = found.rows[0]
        assert drift.dtype == np.float32
        assert row["tau"] == otsu(drift)
        assert row["fB"] == float((settled & ~right).mean())
        assert row["l1A"] == float(np.median(d["lyap_spec"][settled & right, 0].astype(np.float64)))
    assert list(row) == ["step", "acc", "tau", "fA", "fB", "fC", "fD", "l1A", "l1B", "l1C", "l1D"]


@pytest.mark.filterwarnings("ignore::rrdyn.artifacts.errors.Notice")
def test_medians_of_q_halt_are_rounded_as_in_the_file(tmp_path):
    """The source study's script takes them in float32; seen when it was run on a file of ours."""
    arrays = diagnosis(n=201)
    arrays["exact_correct"][:] = 1
    found = two_by_two.analyze(read_puzzles(write_diagnosis(tmp_path / "d.npz", arrays)), "d", compat=True)
    settled = found.settled
    assert 0 in (settled.sum() % 2, (~settled).sum() % 2)  # a median of an even number of values
    medians = found.results.aux.q_halt_final_median_by_cell
    assert medians["A_conv_correct"] == float(np.median(arrays["q_halt"][settled, -1]))
    assert medians["C_nonconv_correct"] == float(np.median(arrays["q_halt"][~settled, -1]))
