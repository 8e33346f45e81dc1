"""The committed study: its small checkpoint opens out of the box, and its page says what its files say."""

from __future__ import annotations

import re
from pathlib import Path

import polars as pl
from scipy.stats import fisher_exact
from tests.outside_modules import module

from rrdyn.analysis.intervals import rate
from rrdyn.artifacts.npz import read_npz
from rrdyn.artifacts.schemas import DIAG
from rrdyn.cli.app import main

ROOT = Path(__file__).parents[2]
STUDY = ROOT / "docs" / "study"


def test_the_code_of_the_readme_runs(monkeypatch):
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), flags=re.DOTALL)
    monkeypatch.chdir(ROOT)
    names: dict = {}
    exec(code, names)
    assert names["spectrum"].exponents.shape == (4, 8)


def test_the_checkpoint_opens_out_of_the_box(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # not in the repository: the checkpoint finds its puzzles from where it lies
    out = tmp_path / "diag.npz"
    assert main(["diagnose", str(STUDY / "checkpoint"), "--n", "2", "--k", "2", "--out", str(out), "--quiet"]) == 0
    assert read_npz(out, DIAG)["lyap_spec"].shape == (2, 2)


def test_the_tables_of_the_page_are_those_of_its_files():
    script = module(ROOT / "scripts" / "study_tables.py")
    text = (STUDY / "README.md").read_text()
    assert script.filled(text, STUDY) == text


def told(value: float) -> str:
    return f"{value:.3f}".lstrip("0")


def test_who_is_right():
    text = " ".join((STUDY / "README.md").read_text().split())
    found = {(row["task"], row["model"]): row for row in pl.read_csv(STUDY / "models_seeds.csv").to_dicts()}
    right = {key: told(row["right"]) for key, row in found.items()}
    span = {key: f"{told(row['right'])} [{told(row['right_low'])}, {told(row['right_high'])}]"
            for key, row in found.items() if key[1] == "trm"}  # fmt: skip
    assert f"right in {span['sudoku', 'trm']} of the Sudoku and {span['maze', 'trm']} of the mazes" in text
    assert f"HRM in {right['sudoku', 'hrm']} and {right['maze', 'hrm']}," in text
    assert found["sudoku", "att"]["right"] == found["sudoku", "srm"]["right"] == 0
    assert f"attention in none and {right['maze', 'att']}, SRM in none and {right['maze', 'srm']}." in text
    cells = [told(found["sudoku", model]["token_acc"]) for model in ("att", "srm")]
    assert f"({cells[0]} and {cells[1]} of the cells of a Sudoku)" in text


def test_what_becomes_of_failures():
    text = " ".join((STUDY / "README.md").read_text().split())
    mazes = pl.read_csv(STUDY / "failures.csv").filter(task="maze", model="trm")
    wrong, right = (mazes.filter(at_budget=side) for side in ("wrong", "right"))
    n = {name: int(wrong[name].sum()) for name in ("n", "fixed", "cycle", "quasiperiodic", "chaotic", "right_end")}
    undecided = int(wrong["slow"].sum() + wrong["marginal"].sum())
    spans = []
    for side in (wrong, right):
        found = rate(int(side["chaotic"].sum()), int(side["n"].sum()))
        spans.append(f"({told(found.value)} [{told(found.low)}, {told(found.high)}])")
    assert (
        f"TRMs {n['n']} are wrong at the budget: {n['fixed']} settle at a fixed point, {n['cycle']} on a cycle, "
        f"{n['quasiperiodic']} wind round a torus, {undecided} are undecided, and **{n['chaotic']} wander "
        f"chaotically** {spans[0]}, where {right['chaotic'].sum()} of the {right['n'].sum():,} right ones do {spans[1]}"
    ) in text
    assert f"{n['right_end']} of the {n['n']} were only out of time" in text
    p = [fisher_exact([[w["chaotic"], w["n"] - w["chaotic"]], [r["chaotic"], r["n"] - r["chaotic"]]]).pvalue
         for w, r in zip(wrong.sort("seed").to_dicts(), right.sort("seed").to_dicts())]  # fmt: skip
    assert "p is {}, {} and {} in the three seeds".format(*(f"{one:.0e}".replace("e-0", "e-") for one in p)) in text


def test_sudoku_that_move():
    text = " ".join((STUDY / "README.md").read_text().split())
    found = pl.read_csv(STUDY / "fates.csv").filter(task="sudoku")
    side = {(model, word): found.filter(model=model, at_budget=word) for model in ("trm", "hrm")
            for word in ("wrong", "right")}  # fmt: skip
    total = {key: {name: int(mine[name].sum()) for name in ("n", "fixed", "quasiperiodic", "chaotic", "right_end")}
             for key, mine in side.items()}  # fmt: skip
    wrong, right = total["hrm", "wrong"], total["hrm", "right"]
    assert f"of the {wrong['n']} that HRM has wrong {wrong['fixed']} stand still, {wrong['quasiperiodic']} wind" in text
    assert f"of the {right['n']} that it has right {right['fixed']}, {right['quasiperiodic']} and none" in text
    assert wrong["chaotic"] == right["chaotic"] == 0
    trm = total["trm", "right"]
    least = int(side["trm", "right"]["quasiperiodic"].min())
    assert (
        f"{trm['quasiperiodic']} of {trm['n']} wind round a torus, all of them in two of the seeds but {least}" in text
    )
    ends = [(total[model, "wrong"]["right_end"], total[model, "wrong"]["n"]) for model in ("trm", "hrm")]
    assert "{} of {} and {} of {} failures are right when last followed".format(*ends[0], *ends[1]) in text
