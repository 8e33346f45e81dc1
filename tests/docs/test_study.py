"""The committed study: its small checkpoint opens out of the box, and its page says what its files say."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import polars as pl
from scipy.stats import fisher_exact
from tests.outside_modules import module

from rrdyn.analysis.fates import read_fates
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


def test_what_becomes_of_failing_mazes():
    text = " ".join((STUDY / "README.md").read_text().split())
    wrong, right = (pl.read_csv(STUDY / "failures.csv").filter(task="maze", model="trm", at_budget=side).sort("seed")
                    for side in ("wrong", "right"))  # fmt: skip
    n = {name: int(wrong[name].sum()) for name in ("n", "fixed", "cycle", "quasiperiodic", "chaotic")}
    undecided, chaos = int(wrong["slow"].sum() + wrong["marginal"].sum()), rate(n["chaotic"], n["n"])
    p = [fisher_exact([[w["chaotic"], w["n"] - w["chaotic"]], [r["chaotic"], r["n"] - r["chaotic"]]]).pvalue
         for w, r in zip(wrong.to_dicts(), right.to_dicts())]  # fmt: skip
    mazes = mazes_of_trm()
    rest = mazes.filter(~pl.col("right"), pl.col("fate").is_in(["fixed", "cycle"]))
    stuck = rest.filter(~pl.col("right_end"))
    by_seed = [f"{len(stuck.filter(seed=seed))} of {row['n']}" for seed, row in enumerate(wrong.to_dicts())]
    came = mazes.filter(~pl.col("right"), pl.col("right_end"))
    assert came.filter(fate="chaotic").select((pl.col("followed") - pl.col("right_at")).max()).item() <= 3
    for said in (
        f"TRMs {n['n']} are wrong at the budget ({mazes.filter(~pl.col('right'))['idx'].n_unique()} different mazes): "
        f"{n['fixed']} settle at a fixed point, {n['cycle']} on a cycle, {n['quasiperiodic']} wind round a torus, "
        f"{undecided} are undecided, and **{n['chaotic']} wander chaotically** "
        f"({told(chaos.value)} [{told(chaos.low)}, {told(chaos.high)}];",
        f"Of the {right['n'].sum():,} right ones {right['chaotic'].sum()} do: {{}}, {{}} and {{}} by seed".format(
            *right["chaotic"]
        ),
        "p is {}, {} and {} in the three seeds".format(*(f"{one:.0e}".replace("e-0", "e-") for one in p)),
        f"the odds of chaos are still {odds(mazes):.0f} times as high",
        f"({n['cycle']} of {n['n']} and {right['cycle'].sum()} of {right['n'].sum():,})",
        f"{len(rest)} of the {n['n']} rest, {len(stuck)} of them on what is wrong ({', '.join(by_seed)} by seed)",
        f"{len(came.filter(pl.col('fate') != 'chaotic'))} reach the answer after the budget and keep it; "
        f"{len(came.filter(fate='chaotic'))} more are chaotic",
    ):
        assert said in text
    others = pl.read_csv(STUDY / "fates.csv").filter(task="maze", at_budget="wrong")
    hrm, att = (others.filter(model=model) for model in ("hrm", "att"))
    said = (
        f"HRM has wrong {hrm['chaotic'].sum()} of {hrm['n'].sum()} is chaotic, of attention's none of {att['n'].sum()}."
    )
    assert said in text
    assert att["chaotic"].sum() == 0


def mazes_of_trm() -> pl.DataFrame:
    """A row a maze and seed, from the committed files of the three models."""
    difficulty = np.load(STUDY / "models/data/maze/test/all__difficulty.npy")
    tables = []
    for seed in (0, 1, 2):
        found = read_fates(STUDY / f"models/maze_trm_s{seed}/failures.npz")
        names = np.array(found.meta["fates"])
        tables.append(pl.DataFrame({
            "seed": seed, "idx": found["idx"], "difficulty": difficulty[found["idx"]], "fate": names[found["fate"]],
            "right": found["right_budget"], "right_end": found["right_end"], "right_at": found["right_at"],
            "followed": found["followed"],
        }))  # fmt: skip
    return pl.concat(tables)


def odds(mazes: pl.DataFrame) -> float:
    """Mantel and Haenszel's ratio of the odds of chaos, wrong over right, in strata of seed and difficulty."""
    above = below = 0.0
    for _, part in mazes.with_columns(bin=pl.col("difficulty").cut([6, 9, 13, 17])).group_by("seed", "bin"):
        (a, b), (c, d) = ((len(side.filter(fate="chaotic")), len(side.filter(pl.col("fate") != "chaotic")))
                          for side in (part.filter(~pl.col("right")), part.filter("right")))  # fmt: skip
        above, below = above + a * d / len(part), below + b * c / len(part)
    return above / below


def test_sudoku_that_move():
    text = " ".join((STUDY / "README.md").read_text().split())
    found = pl.read_csv(STUDY / "fates.csv").filter(task="sudoku")
    side = {(model, word): found.filter(model=model, at_budget=word) for model in ("trm", "hrm")
            for word in ("wrong", "right")}  # fmt: skip
    total = {key: {name: int(mine[name].sum()) for name in ("n", "fixed", "quasiperiodic", "chaotic")}
             for key, mine in side.items()}  # fmt: skip
    moved = {key: mine["n"] - mine["fixed"] for key, mine in total.items()}
    n = {key: mine["n"] for key, mine in total.items()}
    hrm, trm = (((model, "wrong"), (model, "right")) for model in ("hrm", "trm"))
    assert total["hrm", "wrong"]["chaotic"] == 0
    drift = pl.read_csv(STUDY / "spectra.csv").filter(task="sudoku", model="trm").sort("seed")["auc_drift"]
    for said in (
        f"{moved[hrm[0]]} of {n[hrm[0]]} and {moved[hrm[1]]} of {n[hrm[1]]} are not at a fixed point",
        f"{n[trm[0]]} failures of {n[trm[0]] + n[trm[1]]} are too few to say ({total[trm[0]]['chaotic']} is chaotic; "
        f"{moved[trm[0]]} of them and {moved[trm[1]]} of {n[trm[1]]} right ones are not at a fixed point; "
        f"{total[trm[1]]['quasiperiodic']} right ones wind round a torus, "
        f"{side[trm[1]].filter(seed=0)['quasiperiodic'].item()} of these in seed 0)",
        "(AUC of late drift {}, {} and {} by seed, below)".format(*map(told, drift)),
    ):
        assert said in text
