"""Settled by return distances, one threshold a model, and cells that are no headline."""

from __future__ import annotations

import json

import numpy as np
import pytest
from tests.analysis.made_files import diagnosis, write_diagnosis

from rrdyn.analysis import evolution, settled, two_by_two
from rrdyn.analysis.puzzles import late_window, read_puzzles
from rrdyn.analysis.summary import headline, text
from rrdyn.analysis.thresholds import Tau
from rrdyn.cli.app import main


def cycling(n: int = 200, segments: int = 16) -> dict[str, np.ndarray]:
    """Half stand on a cycle of period 3 and move as fast as the rest, which returns nowhere."""
    arrays = diagnosis(n, segments)
    rng = np.random.default_rng(0)
    arrays["drift_zH"] = rng.uniform(0.9, 1.1, (n, segments)).astype(np.float32)
    distance = rng.uniform(0.2, 0.4, (n, segments, 16))
    distance[: n // 2, 6:, 2::3] = 1e-7 * rng.uniform(0.5, 2, (n // 2, segments - 6, 5))
    before = np.arange(1, segments + 1)[:, None] < np.arange(1, 17)[None]
    return arrays | {"return_distance": np.where(before, np.nan, distance).astype(np.float32)}


def test_a_cycle_has_settled_by_return_distance_and_not_by_drift(tmp_path):
    path = write_diagnosis(tmp_path / "diag.npz", cycling())
    puzzles = read_puzzles(path, settled_by="return")
    found = two_by_two.analyze(puzzles, "x", replicates=100)
    assert found.settled[:100].mean() > 0.95
    assert not found.settled[100:].any()
    assert found.results.threshold.of == "late return distance"
    by_drift = two_by_two.analyze(read_puzzles(path), "x", replicates=100)
    assert by_drift.results.threshold.one_mode


def test_return_distances_from_the_command_line(tmp_path, capsys):
    path = write_diagnosis(tmp_path / "diag.npz", cycling())
    words = ["--settled", "return", "--replicates", "100"]
    assert main(["analyze-2x2", str(path), *words]) == 0
    out = tmp_path / "analysis_2x2"
    assert json.loads((out / "results_diag.json").read_text())["settled_by"] == "return"
    assert "log10_late_return" in (out / "points_diag.csv").read_text().splitlines()[0]
    assert "Late return distance" in (out / "fig_diag_scatter.caption.txt").read_text()
    capsys.readouterr()
    without = write_diagnosis(tmp_path / "old.npz")
    assert main(["analyze-2x2", str(without), *words]) == 3
    heard = capsys.readouterr().err
    assert "holds no return_distance" in heard
    assert "rrdyn diagnose" in heard
    assert main(["analyze-2x2", str(path), "--settled", "return", "--compat"]) == 2


def test_one_threshold_in_the_2x2_and_in_the_evolution(tmp_path):
    """The plateau of the first checkpoint is no mode of the model."""
    paths = []
    for step, shift in ((100, -6.0), (200, 0.0)):
        arrays = diagnosis(seed=step, n=300)
        arrays["drift_zH"] = arrays["drift_zH"] * np.float32(10.0**shift)
        inputs = {f"runs/a/checkpoints/step_{step}/model.safetensors": str(step)}
        paths.append(write_diagnosis(tmp_path / f"diag_step_{step}.npz", arrays, inputs=inputs, step=step))
    series = evolution.read_series(paths)
    alone = settled.own_threshold(series[-1], Tau())
    assert {threshold.tau for threshold in settled.thresholds(series, Tau())} == {alone.tau}
    rows = evolution.evolve(series, "x", replicates=100).rows
    assert {row["tau"] for row in rows} == {alone.tau}
    last = two_by_two.analyze(series[-1], "x", replicates=100)
    assert rows[-1]["settled"] == last.results.frac_converged
    assert settled.common_threshold(series, Tau()).tau != alone.tau
    other = read_puzzles(write_diagnosis(tmp_path / "b.npz", diagnosis(seed=5), inputs={"c/b.pt": "1"}, step=3))
    assert settled.thresholds([*series, other], Tau())[-1].tau == settled.own_threshold(other, Tau()).tau
    assert settled.thresholds([*series, other], Tau())[0].tau == settled.own_threshold(series[0], Tau()).tau


@pytest.mark.parametrize(("segments", "window"), [(1, 1), (3, 1), (4, 1), (8, 2), (16, 4), (128, 4)])
def test_the_late_window_is_a_quarter(segments, window, tmp_path):
    assert late_window(segments) == window
    puzzles = read_puzzles(write_diagnosis(tmp_path / "d.npz", diagnosis(20, segments)))
    np.testing.assert_allclose(puzzles.late_drift(), puzzles.drift_zH[:, segments - window :].mean(1))
    source = evolution.read_series([tmp_path / "d.npz"], compat=True)[0]
    np.testing.assert_allclose(source.late_drift(), source.drift_zH[:, -4:].mean(1))


def test_cells_that_are_not_told_apart_are_no_headline(tmp_path):
    arrays = diagnosis(300)
    two = two_by_two.analyze(read_puzzles(write_diagnosis(tmp_path / "two.npz", arrays)), "two", replicates=100)
    rng = np.random.default_rng(0)
    arrays["drift_zH"] = 10 ** rng.normal(0, 0.3, (300, 1)).astype(np.float32) * np.ones((1, 16), np.float32)
    one = two_by_two.analyze(read_puzzles(write_diagnosis(tmp_path / "one.npz", arrays)), "one", replicates=100)
    assert "unsettled" in headline("two", two.results).split("AUC")[0]
    shown = headline("one", one.results)
    assert "no 2x2" in shown
    assert shown.index("AUC") < shown.index("no 2x2")
    pages = [text({"x": found.results}) for found in (two, one)]
    assert [page.index("| A settled, right") < page.index("| -lambda_1 -> right") for page in pages] == [True, False]


def test_a_clipped_log_is_told(tmp_path):
    arrays = diagnosis(60)
    arrays["log_r"][3, 5, 1] = -69.2
    found = two_by_two.analyze(read_puzzles(write_diagnosis(tmp_path / "a.npz", arrays)), "a", replicates=100)
    assert any("1 puzzles have a log that was clipped" in warning for warning in found.warnings)
    counted = diagnosis(60) | {"clipped": np.r_[np.zeros(58, int), 4, 1]}
    found = two_by_two.analyze(read_puzzles(write_diagnosis(tmp_path / "b.npz", counted)), "b", replicates=100)
    assert any("2 puzzles have a log that was clipped" in warning for warning in found.warnings)
