"""The analysis commands from a command line: exit codes, files, stdout."""

from __future__ import annotations

import json

import numpy as np
import pytest
from tests.agreement import assert_same_text
from tests.analysis.made_files import ESTIMATOR, GOLDEN, diagnosis, write_diagnosis, write_restarts, write_rollout

from rrdyn.cli.app import main


def test_analyze_2x2_end_to_end(tmp_path, capsys):
    path = write_diagnosis(tmp_path / "diag.npz", diagnosis(200), estimator=ESTIMATOR)
    assert main(["analyze-2x2", str(path), "--no-figures", "--json", "--replicates", "200"]) == 0
    seen = capsys.readouterr()
    printed = json.loads(seen.out)
    out = tmp_path / "analysis_2x2"
    told = [line for line in seen.err.splitlines() if not line.startswith("note: ")]
    assert told == [f"wrote {out / 'results.md'}", f"wrote 4 more files into {out}", f"next: rrdyn plot 2x2 {out}"]
    assert {name.name for name in out.iterdir()} == {
        "results_diag.json", "cells_diag.csv", "sweep_diag.csv", "points_diag.csv", "results.md"
    }  # fmt: skip
    record = json.loads((out / "results_diag.json").read_text())
    assert record["meta"]["inputs"]
    assert record["clock"]["sub_updates_per_segment"] == 21
    assert printed["results"]["diag"]["auc"] == record["auc"]
    assert "Does the exponent add to residual, drift and q_halt?" in (out / "results.md").read_text()


def test_compat_on_the_golden_file(tmp_path, capsys, record_property):
    assert (
        main(["analyze-2x2", str(GOLDEN / "diag_ties_n300.npz"), "--compat", "--no-figures", "--out", str(tmp_path)])
        == 0
    )
    files = [folder / "results_ties_n300.json" for folder in (tmp_path, GOLDEN)]
    found, wanted = ([line for line in file.read_text().splitlines() if '"npz"' not in line] for file in files)
    assert_same_text("\n".join(found), "\n".join(wanted), record_property)
    assert "settled" in capsys.readouterr().out


def test_the_threshold_may_stand_before_the_files(tmp_path):
    path = str(write_diagnosis(tmp_path / "diag.npz"))
    for words in ([path, "--tau", "fixed", "-1.0"], ["--tau", "fixed", "-1.0", path], ["--tau", "fixed:-1.0", path]):
        assert main(["analyze-2x2", *words, "--no-figures", "--replicates", "100", "--quiet"]) == 0
        record = json.loads((tmp_path / "analysis_2x2" / "results_diag.json").read_text())
        assert record["threshold"]["tau_log10"] == -1.0


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["analyze-2x2"], 2, "FILES is missing"),
        (["analyze-2x2", "no.npz"], 3, "does not exist"),
        (["analyze-2x2", "no.npz", "--tau", "median"], 2, "--tau is not one of its choices"),
        (["analyze-2x2", "no.npz", "--tau", "fixed"], 2, "--tau fixed needs its value"),
        (["analyze-2x2", "no.npz", "--replicates", "5"], 2, "--replicates"),
        (["evolution", "a.npz", "b.npz"], 3, "none of the 2 files exists"),
        (["survival", "no.npz"], 3, "does not exist"),
        (["select", "no.npz"], 3, "does not exist"),
        (["aggregate", "no"], 3, "does not exist"),
    ],
)
def test_mistakes_get_one_message(words, code, says, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(words) == code
    heard = capsys.readouterr()
    assert says in heard.err
    assert "Traceback" not in heard.err
    assert heard.out == ""


def test_a_checkpoint_is_called_one(tmp_path, capsys):
    torch = pytest.importorskip("torch")
    torch.save({"w": torch.zeros(2)}, tmp_path / "ckpt.pt")
    (tmp_path / "run" / "checkpoints").mkdir(parents=True)
    for given in ("ckpt.pt", "run"):
        assert main(["analyze-2x2", str(tmp_path / given)]) == 3
        heard = capsys.readouterr().err
        assert f"{given} is a checkpoint" in heard
        assert f"rrdyn diagnose {tmp_path / given}" in heard


def test_evolution_survival_select_aggregate(tmp_path, capsys):
    paths = [str(write_diagnosis(tmp_path / f"diag_step_{s}.npz", diagnosis(seed=s, n=150))) for s in (1, 2)]
    assert main(["evolution", *paths, "--no-figures", "--replicates", "100", "--out", str(tmp_path / "e")]) == 0
    assert main(["evolution", *paths, "--no-figures", "--compat", "--tag", "c", "--out", str(tmp_path / "e")]) == 0
    assert {path.name for path in (tmp_path / "e").iterdir()} == {
        "evolution_series.csv", "evolution_series.json", "evolution_series.md", "evolution_c.csv"
    }  # fmt: skip
    rollouts = [str(write_rollout(tmp_path / f"{name}.npz", rate=rate)) for name, rate in (("a", 0.05), ("b", 0.02))]
    assert main(["survival", *rollouts, "--sub-updates", "21", "6", "--no-figures", "--out", str(tmp_path / "s")]) == 0
    assert "per module evaluation" in (tmp_path / "s" / "survival.md").read_text()
    assert main(["survival", *rollouts, "--sub-updates", "21", "--no-figures"]) == 2
    correct = np.random.default_rng(0).random((20, 2, 3, 16)) < 0.3
    arrays = {
        "solve": correct.any(-1),
        "base": correct[:, 0, 0, -1],
        "sigmas": np.array([0.0, 1.0]),
        "correct": correct,
    }
    restarts = str(write_restarts(tmp_path / "perturb.npz", arrays))
    assert main(["select", restarts, "--no-figures", "--json", "--replicates", "100"]) == 0
    capsys.readouterr()
    runs = tmp_path / "runs" / "sudoku-trm-none" / "20260101-s1"
    runs.mkdir(parents=True)
    (runs / "train.jsonl").write_text('{"step": 1, "acc": 0.25}\n')
    assert main(["aggregate", str(tmp_path / "runs"), "--json", "--latex"]) == 0
    assert r"\toprule" in (tmp_path / "runs" / "aggregate" / "aggregate.tex").read_text()
    assert json.loads(capsys.readouterr().out)["rows"][0]["accuracy_best_mean"] == 0.25
