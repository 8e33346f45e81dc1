"""The page on inference compute of trained models says what its tables say, and they agree with each other."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from tests.outside_modules import module

from rrdyn.analysis.intervals import mean_over_seeds, rate
from rrdyn.analysis.scaling import averaged
from rrdyn.analysis.significance import holm

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs" / "scaling"
WAITING = "Not run yet"


script = module(ROOT / "scripts" / "scaling_study.py")


def check(folder):
    """Every number of the page is one of the tables beside it; what follows from others follows from them."""
    assert (folder / "README.md").read_text() == script.page(folder)
    tables = script.read(folder)
    curves = tables["curves"]
    for _, mine in curves.group_by("task", "seed"):
        longer = {row["budget"]: row["right"] for row in mine.filter(method="longer").to_dicts()}
        tested = [row["over_longer_p"] for row in mine.to_dicts()]
        corrected = dict(zip(mine.select("method", "budget").rows(), holm(tested)))
        for row in mine.to_dicts():
            if row["method"] != "longer" and row["budget"] in longer:
                assert row["over_longer"] == pytest.approx(row["right"] - longer[row["budget"]], abs=1e-9)
                assert row["over_longer_low"] is None or row["over_longer_low"] <= row["over_longer"]
            assert row["over_longer_p_holm"] == corrected[row["method"], row["budget"]]
            count = row["right"] * row["n"]
            if count == pytest.approx(round(count), abs=1e-9) and row["reader"] == "q_halt" and row["budget"] == 1:
                found = rate(round(count), row["n"])
                assert (row["right_low"], row["right_high"]) == pytest.approx((found.low, found.high))
    seeds_add_up(tables)
    areas_are_those_of_the_curves(tables)
    fates_add_up(tables)
    for row in tables["readers"].filter("primary").to_dicts():
        same = {key: row[key] for key in ("task", "seed", "method", "budget")}
        assert curves.filter(**same)["right"].to_list() == [row["right"]]
    chance = tables["placebo"].filter(placebo="random").join(
        tables["readers"].filter(reader="random"), on=["task", "seed", "method", "budget"], suffix="_read"
    )  # fmt: skip
    assert len(chance)
    np.testing.assert_allclose(chance["right"], chance["right_read"])
    both = tables["map"].filter(depth=1).join(
        curves, left_on=["task", "seed", "method", "breadth"], right_on=["task", "seed", "method", "budget"],
        suffix="_curve",
    )  # fmt: skip
    both = both.filter(pl.col("breadth") == pl.col("breadth_curve"))
    assert len(both)
    both = both.filter(pl.col("n") == pl.col("n_curve"))
    np.testing.assert_array_equal(both["right"], both["right_curve"])
    for row in tables["noise"].filter(pl.col("method") == "longer").to_dicts():
        same = tables["noise"].filter(task=row["task"], seed=row["seed"], budget=row["budget"])
        gains = same.filter(pl.col("over_longer").is_not_null())
        np.testing.assert_allclose(gains["right"] - row["right"], gains["over_longer"], atol=1e-9)


def seeds_add_up(tables):
    for row in tables["seeds"].to_dicts():
        mine = tables["curves"].filter(task=row["task"], method=row["method"], budget=row["budget"])
        assert len(mine) == row["seeds"]
        for name, share in (("right", True), ("over_longer", False)):
            values = mine[name].drop_nulls().to_numpy()
            if len(values):
                found = mean_over_seeds(values, share=share)
                told = (row[name], row[f"{name}_low"], row[f"{name}_high"])
                assert told == pytest.approx((found.value, found.low, found.high), nan_ok=True)
        small = mine.filter(pl.col("over_longer_p_holm") < 0.05)["over_longer"]
        assert (row["better"], row["worse"]) == ((small > 0).sum(), (small < 0).sum())


def areas_are_those_of_the_curves(tables):
    for row in tables["areas"].to_dicts():
        mine = tables["curves"].filter(task=row["task"], seed=row["seed"], method=row["method"]).sort("budget")
        known = set(tables["curves"].filter(task=row["task"], seed=row["seed"], method="longer")["budget"])
        mine = mine.filter(pl.col("budget").is_in(known))
        assert averaged(mine["budget"].to_numpy(), mine["right"].to_numpy()[:, None])[0] == pytest.approx(row["area"])
        ahead = mine.filter(pl.col("over_longer_low") > 0)["budget"]
        assert row["break_even"] == ahead.min()


def fates_add_up(tables):
    for (task, seed, method), mine in tables["freed"].group_by("task", "seed", "method"):
        whole = tables["curves"].filter(task=task, seed=seed, method=method, budget=mine["budget"][0])
        assert mine["n"].sum() == whole["n"][0]
        assert (mine["freed"] * mine["n"]).sum() / mine["n"].sum() == pytest.approx(whole["right"][0])


def test_the_page_says_what_its_tables_say():
    if WAITING in (FOLDER / "README.md").read_text():
        assert [path.name for path in FOLDER.iterdir()] == ["README.md"]
    else:
        check(FOLDER)


def short(value):
    return "-" if value is None else f"{value:.3f}".replace("0.", ".", 1)


def phrases(tables):
    """What docs/scaling.md says of the tables, in its words."""
    curves, heads, end = tables["curves"], tables["heads"].filter(task="sudoku"), tables["end"]
    points = [("longer", 1), ("longer", 64), ("path-noise", 64), ("restarts", 64), ("permute", 4), ("permute", 8),
              ("permute", 64), ("ensemble", 3)]  # fmt: skip
    lines = []
    for task, name in (("sudoku", "6x6 Sudoku"), ("maze", "7x7 mazes")):
        for seed in range(3):
            own = {
                (row["method"], row["budget"]): row["right"] for row in curves.filter(task=task, seed=seed).to_dicts()
            }
            lines.append(f"| {name} | {seed} | {' | '.join(short(own.get(point)) for point in points)} |")
    agrees = {at: ", ".join(short(value) for value in heads.filter(at=at).sort("seed")["agrees"]) for at in heads["at"]}
    tested = curves.filter(pl.col("over_longer_p_holm").is_not_null())
    others = tested.filter(~pl.col("method").is_in(["permute", "ensemble"]))
    small = others.filter(pl.col("over_longer_p_holm") < 0.05)
    assert set(small.select("task", "seed").rows()) == {("sudoku", 0)}
    assert (small["over_longer"] < 0).all()
    best = tested.filter((pl.col("method") == "permute") & (pl.col("budget") >= 8))
    assert len(best) == 3 * 4 + 3
    assert (best["over_longer_p_holm"] < 0.05).all()
    assert (best["over_longer"] > 0).all()
    oracle = tables["readers"].filter(task="sudoku", method="random-start", reader="oracle").sort("seed")["right"]
    chosen = end.filter(method="restarts", reader="q_halt", breadth=8).sort("seed")
    longer = end.filter(method="longer", budget=8).sort("seed")["right"]
    plain = end.filter(method="longer", budget=1).sort("seed")["right"]
    wrong = tables["freed"].filter((pl.col("method") == "longer") & (pl.col("fate") != "right at the budget"))
    fixed, whole = ([wrong.filter(task=task, **kind)["n"].sum() for task in ("sudoku", "maze")]
                    for kind in ({"fate": "fixed"}, {}))  # fmt: skip
    three = {task: curves.filter(task=task, method="ensemble", budget=3)["right"][0] for task in ("sudoku", "maze")}
    member = {task: curves.filter(task=task, method="longer", budget=1)["right"].max() for task in ("sudoku", "maze")}

    eight = end.filter(method="permute", breadth=8).sort("seed")

    def listed(values):
        return ", ".join(map(short, values))

    return {
        "TABLE": "\n".join(
            ["| right of 128 | seed | 1x | `longer`, 64x | noise on the path, 64x | restarts, 64x | views, 4x | 8x | "
             "64x | three checkpoints |", "|---|---|---|---|---|---|---|---|---|---|", *lines]),
        "AGREES500": agrees["step 500"], "AGREESEND": agrees["the end"],
        "OTHERS": str(len(others)), "WORSE": str(len(small)), "ORACLE": listed(oracle),
        "PEND": f"{10 ** np.ceil(np.log10(chosen['over_longer_p'].max())):g}".lstrip("0"),
        "SEED2": f"(AUC {short(heads.filter(at='step 500', seed=2)['auc'][0])}), comes nearest: 64 restarts "
                 f"{short(curves.filter(task='sudoku', seed=2, method='restarts', budget=64)['right'][0])}, p .07",
        "VIEWS": f"Eight views give {listed(eight.filter(reader='q_halt')['right'])} there by q_halt, and "
                 f"{listed(eight.filter(reader='majority')['right'])} by votes",
        "RESTARTS": listed(chosen["right"]), "LONGER": listed(longer), "ENDPLAIN": listed(plain),
        "ENSEMBLE": f"{short(three['sudoku'])} on Sudoku, where the best of them has {short(member['sudoku'])} alone; "
                    f"{short(three['maze'])} on mazes, where it has {short(member['maze'])}",
        "FIXED": f"{fixed[0]} of {whole[0]} Sudoku failures and {fixed[1]} of {whole[1]} in mazes stand still",
    }  # fmt: skip


def test_what_docs_scaling_says_in_words():
    words = " ".join((ROOT / "docs" / "scaling.md").read_text().split())
    for phrase in phrases(script.read(FOLDER)).values():
        assert " ".join(phrase.split()) in words
