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
from rrdyn.analysis.ranks import auc
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


def page() -> str:
    """The words of the page, in one line."""
    return " ".join((STUDY / "README.md").read_text().split())


def told(value: float) -> str:
    return f"{value:.3f}".lstrip("0")


def test_who_is_right():
    text = page()
    found = {(row["task"], row["model"]): row for row in pl.read_csv(STUDY / "models_seeds.csv").to_dicts()}
    right = {key: told(row["right"]) for key, row in found.items()}
    span = {key: f"{told(row['right'])} [{told(row['right_low'])}, {told(row['right_high'])}]"
            for key, row in found.items() if key[1] == "trm"}  # fmt: skip
    assert f"right in {span['sudoku', 'trm']} of the Sudoku and {span['maze', 'trm']} of the mazes" in text
    assert f"HRM in {right['sudoku', 'hrm']} and {right['maze', 'hrm']}," in text
    assert found["sudoku", "att"]["right"] == found["sudoku", "srm"]["right"] == 0
    assert f"attention in none and {right['maze', 'att']}, SRM in none and {right['maze', 'srm']}." in text
    cells = [told(found["sudoku", model]["token_acc"]) for model in ("att", "srm")]
    assert f"({cells[0]} and {cells[1]} of the cells of a Sudoku, of which 10 of 36 are given)" in text


FATES = ("fixed", "cycle", "quasiperiodic", "chaotic")


def sides(task: str) -> dict[str, pl.DataFrame]:
    """What became of all test puzzles of the TRMs, the wrong and the right, a row a seed."""
    found = pl.read_csv(STUDY / "failures.csv").filter(task=task, model="trm")
    found = found.with_columns(undecided=pl.col("slow") + pl.col("marginal"))
    return {side: found.filter(at_budget=side).sort("seed") for side in ("wrong", "right")}


def fisher(wrong: pl.DataFrame, right: pl.DataFrame, fate: str) -> list[float]:
    """p of a fate going with failing, by seed."""
    return [fisher_exact([[w[fate], w["n"] - w[fate]], [r[fate], r["n"] - r[fate]]]).pvalue
            for w, r in zip(wrong.to_dicts(), right.to_dicts())]  # fmt: skip


def short(p: float) -> str:
    """A p value with one digit, as the page tells it."""
    return f"{p:.0e}".replace("e-0", "e-") if p < 0.01 else f"{p:.1g}".lstrip("0")


def after_holm(p: list[float]) -> list[bool]:
    """Whether each stands after Holm's step-down, the smallest first."""
    return [one * (len(p) - place) < 0.05 for place, one in enumerate(sorted(p))]


def test_what_becomes_of_failing_mazes():
    text = page()
    wrong, right = sides("maze").values()
    n = {name: int(wrong[name].sum()) for name in ("n", "undecided", *FATES)}
    chaos, p = rate(n["chaotic"], n["n"]), map(short, fisher(wrong, right, "chaotic"))
    mazes = puzzles_of_trm("maze")
    rest = mazes.filter(~pl.col("right"), pl.col("fate").is_in(["fixed", "cycle"]))
    stuck = rest.filter(~pl.col("right_end"))
    by_seed = [f"{len(stuck.filter(seed=seed))} of {row['n']}" for seed, row in enumerate(wrong.to_dicts())]
    came = mazes.filter(~pl.col("right"), pl.col("right_end"))
    keep, pass_by = came.filter(kept), came.filter(~kept)
    cycle = odds(mazes, "cycle")
    assert (pass_by.filter(fate="cycle")["period"] > 1).all()
    assert set(pass_by["fate"]) == {"cycle", "chaotic"}
    for said in (
        f"TRMs {n['n']} are wrong at the budget ({mazes.filter(~pl.col('right'))['idx'].n_unique()} different mazes): "
        f"{n['fixed']} settle at a fixed point, {n['cycle']} on a cycle, {n['quasiperiodic']} wind round a torus, "
        f"{n['undecided']} are undecided, and **{n['chaotic']} wander chaotically** "
        f"({told(chaos.value)} [{told(chaos.low)}, {told(chaos.high)}]).",
        f"Of the {right['n'].sum():,} right ones {right['chaotic'].sum()} do: {{}}, {{}} and {{}} by seed".format(
            *right["chaotic"]
        ),
        "p is {}, {} and {} in the three seeds".format(*p),
        "the odds of chaos are still {:.0f} [{:.0f}, {:.0f}] times as high".format(*odds(mazes, "chaotic")),
        "those of a cycle {:.1f} [{}, {:.1f}], which".format(cycle[0], f"{cycle[1]:.1f}".lstrip("0"), cycle[2]),
        f"{len(rest)} of the {n['n']} rest, {len(stuck)} of them on what is wrong ({', '.join(by_seed)} by seed)",
        f"{len(keep)} come to the answer after the budget and keep it; of {len(pass_by)} more that are right when last "
        f"followed {len(pass_by.filter(fate='cycle'))} are on cycles through right and wrong and "
        f"{len(pass_by.filter(fate='chaotic'))} are chaotic.",
    ):
        assert said in text
    others = pl.read_csv(STUDY / "fates.csv").filter(task="maze", at_budget="wrong")
    hrm, att = (others.filter(model=model) for model in ("hrm", "att"))
    said = f"{hrm['chaotic'].sum()} of {hrm['n'].sum()} is chaotic, of attention's none of {att['n'].sum()} ("
    assert said in text
    assert att["chaotic"].sum() == 0


def test_what_becomes_of_failing_sudoku():
    text = page()
    wrong, right = sides("sudoku").values()
    w, r = (
        {name: int(side[name].sum()) for name in ("n", "undecided", "right_end", *FATES)} for side in (wrong, right)
    )
    chaos, different = rate(w["chaotic"], w["n"]), puzzles_of_trm("sudoku").filter(~pl.col("right"))["idx"].n_unique()
    by = {side: [dict(row) for row in rows.to_dicts()] for side, rows in (("wrong", wrong), ("right", right))}
    exact = {fate: fisher(wrong, right, fate) for fate in (*FATES, "undecided")}
    p = {fate: [short(one) for one in mine] for fate, mine in exact.items()}
    hrm = pl.read_csv(STUDY / "fates.csv").filter(task="sudoku", model="hrm")
    moved = {side: (int((mine["n"] - mine["fixed"]).sum()), int(mine["n"].sum()))
             for side in ("wrong", "right") for mine in [hrm.filter(at_budget=side)]}  # fmt: skip
    assert hrm.filter(at_budget="wrong")["chaotic"].sum() == 0
    first = [sum(by["right"][seed][name] for seed in (0, 1)) for name in ("chaotic", "n")]
    for said in (
        f"TRMs {w['n']} are wrong at the budget ({different} different ones): {w['fixed']} settle at a fixed point, "
        f"{w['cycle']} on a cycle, {w['quasiperiodic']} wind round a torus, {w['undecided']} are undecided and "
        f"{w['chaotic']} wander chaotically ({told(chaos.value)} [{told(chaos.low)}, {told(chaos.high)}], at least).",
        f"Of the {r['n']:,} right ones {r['fixed']} settle at a fixed point, {r['cycle']} on a cycle, "
        f"{r['quasiperiodic']} wind round a torus, {r['undecided']} are undecided and {r['chaotic']} wander.",
        "seeds 0 and 1 ({0[chaotic]} of {0[n]} and {1[chaotic]} of {1[n]}, against".format(*by["wrong"]),
        f"against {first[0]} of {first[1]} right ones); in seed 2 one cannot tell ({by['wrong'][2]['chaotic']} of "
        f"{by['wrong'][2]['n']} against {by['right'][2]['chaotic']} of {by['right'][2]['n']}, and "
        f"{by['wrong'][2]['marginal']} more of its wrong ones are marginal).",
        f"Cycles do in seeds 1 and 2 (Fisher's exact p {p['cycle'][1]} and {p['cycle'][2]}; {p['cycle'][0]} in seed 0)",
        f"among the wrong in seeds 0 and 1 ({p['fixed'][0]} and {p['fixed'][1]}; {p['fixed'][2]} in seed 2)",
        f"in seed 2 ({by['right'][2]['quasiperiodic']} of {by['right'][2]['n']} against "
        f"{by['wrong'][2]['quasiperiodic']} of {by['wrong'][2]['n']}, p {p['quasiperiodic'][2]})",
        f"{len(puzzles_of_trm('sudoku').filter(~pl.col('right'), 'right_end', kept))} of the {w['n']} come to the "
        "answer after the budget and keep it for 64 segments at least",
        "{} of its {} wrong and ".format(*moved["wrong"]) + "{} of its {} right Sudoku are not".format(*moved["right"]),
        f"at a fixed point (p {short(fisher_exact([[a, n - a] for a, n in moved.values()]).pvalue)})",
    ):
        assert said in text, said
    four = [one for fate in FATES for one in exact[fate]]
    assert "Of these 12 tests (four fates, three seeds) 7 stand after Holm" in text
    assert after_holm(four) == [True] * 7 + [False] * 5
    every = sorted(four + exact["undecided"])
    assert not after_holm(every)[every.index(exact["fixed"][1])]
    assert min(exact["quasiperiodic"][:2]) > 0.05
    assert after_holm(exact["fixed"][:2]) == [True] * 2


def puzzles_of_trm(task: str) -> pl.DataFrame:
    return puzzles(task, "trm", "failures")


def puzzles(task: str, model: str, name: str) -> pl.DataFrame:
    """A row a puzzle and seed, from the committed files of three models."""
    difficulty = np.load(STUDY / f"models/data/{task}/test/all__difficulty.npy")
    tables = []
    for seed in (0, 1, 2):
        found = read_fates(STUDY / f"models/{task}_{model}_s{seed}/{name}.npz")
        names = np.array(found.meta["fates"])
        tables.append(pl.DataFrame({
            "seed": seed, "idx": found["idx"], "difficulty": difficulty[found["idx"]], "fate": names[found["fate"]],
            "right": found["right_budget"], "right_end": found["right_end"], "right_at": found["right_at"],
            "followed": found["followed"], "period": found["period"], "settled_at": found["settled_at"],
        }))  # fmt: skip
    return pl.concat(tables)


kept = pl.col("followed") - pl.col("right_at") >= 64
"""Right from some segment after the budget on, for 64 at least: no passing through on a cycle."""


def odds(puzzles: pl.DataFrame, fate: str) -> tuple[float, float, float]:
    """Mantel and Haenszel's ratio of the odds of a fate, wrong over right, in strata of seed and difficulty, with the
    95% interval of Robins, Breslow and Greenland (1986)."""
    r, s, same, mixed, apart = (0.0,) * 5
    for _, part in puzzles.group_by("seed", "difficulty"):
        (a, b), (c, d) = ((len(side.filter(fate=fate)), len(side.filter(pl.col("fate") != fate)))
                          for side in (part.filter(~pl.col("right")), part.filter("right")))  # fmt: skip
        n = len(part)
        one, other = a * d / n, b * c / n
        r, s = r + one, s + other
        same += (a + d) / n * one
        mixed += (a + d) / n * other + (b + c) / n * one
        apart += (b + c) / n * other
    reach = 1.96 * np.sqrt(same / (2 * r**2) + mixed / (2 * r * s) + apart / (2 * s**2))
    return r / s, r / s * np.exp(-reach), r / s * np.exp(reach)


def test_a_positive_exponent_is_not_yet_chaos():
    text = page()
    found = {task: with_exponents(task) for task in ("sudoku", "maze")}
    medians = [found["sudoku"].filter(pl.col("right") == right).group_by("seed").agg(pl.col("lambda_1").median())
               .sort("seed")["lambda_1"] for right in (False, True)]  # fmt: skip
    above = {(task, right): rows.filter(pl.col("lambda_1") > 0, pl.col("right") == right)
             for task, rows in found.items() for right in (False, True)}  # fmt: skip
    n = {key: dict(rows.group_by("fate").len().iter_rows()) for key, rows in above.items()}
    wander = found["sudoku"].filter(fate="chaotic")
    wrong, total = n["sudoku", False], {key: len(rows) for key, rows in above.items()}
    for said in (
        "({}, {} and {} against {}, {} and {} nats per sub-update by seed)".format(
            *(signed(one) for side in medians for one in side)
        ),
        f"of {total['sudoku', False]} wrong ones with lambda_1 > 0 (of {len(found['sudoku'].filter(~pl.col('right')))} "
        f"among 256 of each model) {wrong['chaotic']} wander chaotically in the end; {wrong['cycle']} cycle, "
        f"{wrong['quasiperiodic']} wind round a torus, {wrong['fixed']} settle at a fixed point and "
        f"{wrong['slow'] + wrong['marginal']} are undecided.",
        f"Of {total['sudoku', True]} right ones with lambda_1 > 0 {n['sudoku', True]['chaotic']} are chaotic.",
        f"Of the {len(wander)} that wander {len(wander.filter(pl.col('lambda_1') > 0))} had one.",
        f"In mazes {n['maze', False]['chaotic']} of {total['maze', False]} such wrong ones are chaotic.",
    ):
        assert said in text, said


def with_exponents(task: str) -> pl.DataFrame:
    """What became of the puzzles whose exponents were measured, a row a puzzle and seed."""
    found = pl.concat(points(task, "trm", seed).with_columns(seed=seed) for seed in (0, 1, 2))
    return found.select("seed", "idx", "lambda_1").join(puzzles_of_trm(task), on=["seed", "idx"])


def test_what_tells_right_from_wrong():
    text = page()
    found = pl.read_csv(STUDY / "spectra.csv").filter(pl.col("model").is_in(["trm", "hrm"]))
    mean = {(row["task"], row["model"]): row for row in pl.read_csv(STUDY / "spectra_seeds.csv").to_dicts()}
    four = [mean[one] for one in (("sudoku", "trm"), ("maze", "trm"), ("sudoku", "hrm"), ("maze", "hrm"))]
    first, second = (f"{told(row['auc_lambda_1'])} [{told(row['auc_lambda_1_low'])}, {told(row['auc_lambda_1_high'])}]"
                     for row in four[:2])  # fmt: skip
    hrm = found.filter(task="sudoku", model="hrm").sort("seed")
    lengths = [auc(-rows["difficulty"].to_numpy(), rows["correct"].to_numpy())
               for seed in (0, 1, 2) for rows in [points("maze", "trm", seed)]]  # fmt: skip
    assert all(row["auc_q_halt"] > max(row["auc_lambda_1"], row["auc_drift"]) for row in four)
    asked = found.drop_nulls("increment")
    assert sorted(asked["model"]) == ["hrm"] * 6 + ["trm"]
    assert (asked["increment_low"] < 0).all()
    assert (asked["increment_high"] > 0).all()
    sure = asked.filter(pl.col("independence_p") < 0.05 / len(asked)).to_dicts()
    assert [(row["task"], row["model"], row["seed"]) for row in sure] == [("sudoku", "hrm", 0)]
    assert sure[0]["placebo"] == asked["placebo"].max()
    assert len(found) == 12
    assert not found["one_mode"].is_null().any()
    assert found["one_mode"].all()
    (least, most), (few, many), (low, high) = (
        (asked[name].min(), asked[name].max()) for name in ("increment", "detectable", "placebo")
    )
    for said in (
        f"is {first} for TRM's Sudoku and {second} for its mazes, where the length of the path alone has "
        f"{told(float(np.mean(lengths)))}, and {told(four[3]['auc_lambda_1'])} for HRM's mazes;",
        "its sign changes with the seed ({}, {}, {}),".format(*map(told, hrm["auc_lambda_1"])),
        "points the wrong way if anywhere ({}, {}, {}).".format(*map(told, hrm["auc_drift"])),
        "Late drift has {} for TRM's Sudoku, {} and {} for mazes of TRM and HRM.".format(
            *(told(four[place]["auc_drift"]) for place in (0, 1, 3))
        ),
        "in all four: {:.3f} and {} for TRM's Sudoku and mazes, {} and {} for HRM's.".format(
            four[0]["auc_q_halt"], *(told(row["auc_q_halt"]) for row in four[1:])
        ),
        f"gains of {signed(least)} to {signed(most)}, all seven intervals hold 0, where a gain of {told(few)} to "
        f"{told(many)} would have been found in 80%; the placebo, the length of the whole path in the space of "
        f"states, adds {signed(low)} to "
        f"{signed(high)}.",
    ):
        assert said in text, said


def test_beside_the_source_study():
    text = (STUDY / "README.md").read_text()
    reported: dict[str, list[str]] = {}  # TRM first, then HRM
    for row in sorted(
        pl.read_csv(STUDY / "first/reported.csv").to_dicts(), key=lambda row: row["model"] or "", reverse=True
    ):
        reported.setdefault(row["quantity"], []).append(row["value"])
    above, below = (", ".join(f"{model} {value.split()[0]}" for model, value in zip(("TRM", "HRM"), reported[name]))
                    for name in ("spectrum of wrong", "spectrum of right"))  # fmt: skip
    settled = [value.removesuffix(" wrong") for value in reported["settled and wrong"]]
    tuned = reported["accuracy after fine-tuning none-fixed and multi4"][0].split(" and ")
    mean = {
        (row["task"], row["model"]): row["auc_lambda_1"] for row in pl.read_csv(STUDY / "spectra_seeds.csv").to_dicts()
    }
    areas = [told(mean[task, model]) for model in ("trm", "hrm") for task in ("sudoku", "maze")]
    wrong = {task: sides(task)["wrong"] for task in ("sudoku", "maze")}
    of = {
        name: [f"{mine[name].sum()} of {mine['n'].sum()}" for mine in wrong.values()]
        for name in ("chaotic", "right_end")
    }
    trm, hrm = ({task: puzzles(task, model, name).filter(~pl.col("right")) for task in ("sudoku", "maze")}
                for model, name in (("trm", "failures"), ("hrm", "fate")))  # fmt: skip
    resting = pl.col("fate").is_in(["fixed", "cycle"])
    soon, late = (
        [" and ".join(f"{len(rows.filter(resting, pl.col('settled_at') <= last))}{f' of {len(rows)}' * told_of}"
                      for rows in mine.values()) for mine in (trm, hrm)]
        for last, told_of in ((16, True), (512, False))
    )  # fmt: skip
    for name, here in (("chaotic", pl.col("fate") == "chaotic"), ("right_end", pl.col("right_end"))):
        of[f"hrm {name}"] = [f"{len(rows.filter(here))} of {len(rows)}" for rows in hrm.values()]
    (multi4,) = pl.read_csv(STUDY / "arms_seeds.csv").filter(model="multi4").to_dicts()
    change = "{} [{}, {}]".format(*(signed(multi4[f"right_change{end}"]) for end in ("", "_low", "_high")))
    for cells in (
        ("AUC of -lambda_1 for right", "TRM {}, HRM {}".format(*reported["AUC of -lambda_1 for right"]),
         "TRM {} and {}, HRM {} and {}".format(*areas)),
        ("median lambda_1 of wrong", above, medians(right=False)),
        ("median lambda_1 of right", below, medians(right=True)),
        ("wrong and at rest", "by drift within 16 segments: TRM {}, HRM {}".format(*settled),
         "at a fixed point or on a cycle by segment 16: TRM {}, HRM {}; by 512: TRM {}, HRM {}".format(*soon, *late)),
        ("wrong and chaotic", "failures wander, by the sign of lambda_1",
         "TRM {} and {}, HRM {} and {}".format(*of["chaotic"], *of["hrm chaotic"])),
        ("wrong, right later", f"HRM: never right {reported['never right again'][0]}",
         "right when last followed: TRM {} and {}, HRM {} and {}".format(*of["right_end"], *of["hrm right_end"])),
        ("multi4 beside its baseline", f"TRM {tuned[1]} beside {tuned[0]}", f"TRM {change} (150 steps, Sudoku)"),
    ):  # fmt: skip
        row = f"| {' | '.join(cells)} |"
        assert row in text, row


def medians(*, right: bool) -> str:
    """Of lambda_1 of one side, as the page tells them: a model, its tasks, their seeds."""
    tasks = {
        model: [[signed(points(task, model, seed).filter(pl.col("correct") == right)["lambda_1"].median())
                 for seed in (0, 1, 2)] for task in ("sudoku", "maze")] for model in ("trm", "hrm")
    }  # fmt: skip
    return "; ".join(f"{model.upper()} Sudoku {', '.join(found[0])}, mazes {', '.join(found[1])}"
                     for model, found in tasks.items())  # fmt: skip


def points(task: str, model: str, seed: int) -> pl.DataFrame:
    """Exponents and what is right at the budget, a row a puzzle."""
    return pl.read_csv(STUDY / f"models/{task}_{model}_s{seed}/points_diag.csv")


def signed(value: float) -> str:
    return f"{value:+.3f}".replace("0.", ".")


def test_what_sets_states_in_motion():
    text = page()
    found = pl.read_csv(STUDY / "recipes.csv").sort("step", "seed")
    base, raw = (found.filter(model=name) for name in ("base", "raw"))
    move = {step: (rows["moving"] * rows["n"]).round().cast(int).to_list() for (step,), rows in base.group_by("step")}
    right = [told(base.filter(step=step)["right"].mean()) for step in (250, 500, 800)]
    rests = {step: [f"{one:.2f}".lstrip("0") for one in base.filter(step=step)["multiplier"]] for step in (500, 800)}
    last = raw.filter(step=800)
    far = pl.read_csv(STUDY / "survival.csv").filter(model="trm")
    assert (base["n"] == 32).all()
    assert move[250] == [0, 0, 0]
    assert far["n"].to_list() == [64] * 6
    for said in (
        "at step 250, {}, {} and {} at step 500 and {}, {} and {} at step 800,".format(*move[500], *move[800]),
        "while {}, {} and {} are right;".format(*right),
        f"(median multipliers {', '.join(rests[500])}, then {', '.join(rests[800])})",
        "of the raw weights {}, {} and {} move at step 800".format(*(last["moving"] * 32).round().cast(int)),
        f"TRMs come to {(far['escaped'] * far['failures']).sum():.0f} of {far['failures'].sum()} failures (of 64 "
        f"puzzles of each of the six) at some segment up to {far['horizon'].max():,},",
    ):
        assert said in text, said


def test_what_arms_change():
    text = page()
    found, mean = pl.read_csv(STUDY / "arms.csv").sort("seed"), pl.read_csv(STUDY / "arms_seeds.csv")
    change = {row["model"]: "{} [{}, {}]".format(*(signed(row[f"right_change{end}"]) for end in ("", "_low", "_high")))
              for row in mean.filter(pl.col("model") != "none-fixed").to_dicts()}  # fmt: skip
    of = {(model, fate): "{}, {} and {}".format(*found.filter(model=model)[fate])
          for model in ("none-fixed", "flossing", "radius") for fate in ("fixed", "chaotic")}  # fmt: skip
    assert found.filter(model="radius")["chaotic"].sum() == 0
    for said in (
        f"right answers by {change['multi4']} and {change['single']}, and fates hardly",
        f"{of['flossing', 'chaotic']} of 64 Sudoku wander chaotically where {of['none-fixed', 'chaotic']} did",
        f"{of['radius', 'fixed']} rest at a fixed point where {of['none-fixed', 'fixed']} did, and none wanders",
        f"right answers change by {change['flossing']} and {change['radius']}",
    ):
        assert said in text, said


def test_beside_other_tools():
    text = page()
    found = pl.read_csv(STUDY / "beside/beside.csv")
    tools = ("nano", "rrdyn", "rrdyn-symmetries")
    last, early = ({tool: found.filter(tool=tool, step=step).sort("seed") for tool in tools} for step in (750, 375))
    assert found["step"].max() == 750
    right = {tool: [told(one) for one in rows["acc"]] for tool, rows in last.items()}
    before = {tool: ", ".join(told(one) for one in early[tool]["acc"]) for tool in tools[:2]}
    time = {
        tool: f"{rows['cpu_seconds'].min():.0f} to {rows['cpu_seconds'].max():.0f} s" for tool, rows in last.items()
    }
    ahead = last["rrdyn"]["acc"] - last["nano"]["acc"]
    assert ahead.min() > 0
    assert ahead.max() < 1.96 * np.sqrt(2 * 0.7 * 0.3 / 128)
    assert (early["rrdyn"]["acc"] < early["nano"]["acc"]).sum() == 2
    script = pl.read_csv(STUDY / "beside/source.csv")
    assert script["largest_difference"].max() == 0
    told_of = (STUDY / "beside/exponents.txt").read_text()
    names = ("rule", "generic path", "clvlib", "jvp loop", "value and 8 tangents", "one jvp per tangent")
    found = (re.search(rf"^{name} .*? s +([0-9.]+) forwards", told_of, re.MULTILINE) for name in names)
    forwards = {name: match[1] for name, match in zip(names, found) if match}
    for said in (
        f"{time['nano'].removesuffix(' s')} s of processor time for nano-trm and {time['rrdyn']} for `rrdyn`, of 128",
        "nano-trm is right in {}, {} and {} (seeds 1, 2, 3), `rrdyn` in".format(*right["nano"]),
        "`rrdyn` in {}, {} and {}: ahead".format(*right["rrdyn"]),
        f"in two ({before['nano']} against {before['rrdyn']})",
        "comes to {}, {} and {} in".format(*right["rrdyn-symmetries"]) + f" {time['rrdyn-symmetries']}.",
        f"on the same {len(script)} files: of {script['numbers'].sum():,} numbers",
        f"take {forwards['rule']} forwards of a batch of nine, {forwards['generic path']} without a rule",
        f"{forwards['clvlib']}; one `jvp` a tangent {forwards['jvp loop']}.",
        f"{float(forwards['value and 8 tangents']):.1f} plain ones, one `jvp` a tangent "
        f"{float(forwards['one jvp per tangent']):.1f}.",
    ):
        assert said in text, said
