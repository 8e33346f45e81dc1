"""Fates over the checkpoints of training runs, and what the multipliers say: the tables of docs/fates.

    rrdyn data sudoku --source generate --size 6 --clues 10 --n 1000 --test-n 512 --out runs/deep/data
    rrdyn train runs/deep/data --preset sudoku-deep --seed 0 --device cpu --out runs/deep/s0        # and 1, 2
    python scripts/fates_over_training.py runs/deep --out docs/fates --early 0:750 --late 0:1500

RUNS holds the dataset and a folder s<SEED> a run. The first 24 test puzzles become a dataset of their own beside the
two checkpoints that are shipped, so that `rrdyn fate docs/fates/late` measures the same as this. What is measured is
kept in RUNS/fates: stopped anywhere, the same line goes on. A run that is not at its end yet is read as far as it is.

Writes `points.csv` (a row a puzzle and checkpoint), `checkpoints.csv` (a row a checkpoint), `training.csv` (a row an
evaluation), `multipliers.csv` (what the first 8 come to, refined in float64), `float64.json`, the figure, the
checkpoints and the puzzles. Of seeds that RUNS does not hold, what the tables already say stays.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch

from rrdyn.analysis.comparison import compare
from rrdyn.analysis.fate_steps import Checkpoint, by_run, columns
from rrdyn.analysis.fates import read_fates
from rrdyn.analysis.intervals import rate
from rrdyn.analysis.measured import of_fates
from rrdyn.artifacts.files import make_folder, read_json, replacing, write_json
from rrdyn.artifacts.interval import Interval
from rrdyn.artifacts.npz import Artifact
from rrdyn.artifacts.reading import read_jsonl
from rrdyn.artifacts.results import ResultsRecord
from rrdyn.cli.app import main as rrdyn
from rrdyn.data.folder import open_split
from rrdyn.data.writer import new_dataset, write_record, write_split
from rrdyn.dynamics import protocol
from rrdyn.dynamics.cycle import find_cycle, stability_loss
from rrdyn.dynamics.trajectory import plain_segment
from rrdyn.measurement import open_subject
from rrdyn.measurement.subject import Subject

HORIZON, AVERAGED = 256, 64
"""Segments followed, and those at the end over which a moving state is averaged: within a torus lies what it left."""
NEWTON = 8
"""Iterations at most: what is to be found from so near is found by then."""
NEAR = 0.1
"""A multiplier so near to the unit circle tells how stability is, or was, lost."""
KEPT = ("period", "settled_at", "right_budget", "right_end", "right_at", "lambda_late", "lambda_low", "lambda_high")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("runs", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--puzzles", type=int, default=24)
    parser.add_argument("--refined", type=int, default=8, help="puzzles whose multipliers are looked for")
    parser.add_argument("--moving", action="store_true", help="and those of every further puzzle that does not rest")
    parser.add_argument("--many", type=int, default=128, help="test puzzles for accuracy and exponents in the budget")
    parser.add_argument("--every", type=int, default=125, help="take checkpoints whose step is a multiple of this")
    parser.add_argument("--also", nargs="*", default=[], metavar="SEED:STEP", help="further checkpoints to take")
    parser.add_argument("--wide", type=int, nargs="*", default=[], help="steps that are followed in float64 too")
    parser.add_argument("--figure", default="fates_training", help="name of the figure")
    parser.add_argument("--early", help="SEED:STEP to ship")
    parser.add_argument("--late", help="SEED:STEP to ship")
    args = parser.parse_args()
    out, work = make_folder(args.out), make_folder(args.runs / "fates")
    data = puzzles(args.runs / "data", out / "data", args.puzzles)
    taken = list(checkpoints(args.runs, args.every, args.also))
    found = {where: followed(where, data, work, args.puzzles) for where in taken}
    refined = [
        row
        for where, path in found.items()
        for row in orbits(where, read_fates(path), data, work, args.refined, moving=args.moving)
    ]
    budgets = {where: within_budget(where, args.runs / "data", work, args.many) for where in found}
    runs = by_run(list(found.values()))
    table(out / "training.csv", [row for seed in dict.fromkeys(where[0] for where in taken)
                                 for row in training(seed, args.runs / f"s{seed}")])  # fmt: skip
    table(out / "points.csv", [row for where, path in found.items() for row in points(where, read_fates(path))])
    table(out / "multipliers.csv", refined)
    table(out / "checkpoints.csv", [row for run, series in runs.items() for row in rows(run, series, runs, budgets)])
    wide = [where for where in found if where[1] in args.wide]
    kept = json.loads((out / "float64.json").read_text()) if (out / "float64.json").exists() else {}
    write_json(
        out / "float64.json", {**kept, **{name(where): precision(where, found[where], data, work) for where in wide}}
    )
    call("plot", "fates", *map(str, found.values()), "--size", "page", "--out", str(out / f"{args.figure}.png"))
    (out / f"{args.figure}.pdf").unlink(missing_ok=True)  # drawn along; the page shows the other
    for part, given in (("early", args.early), ("late", args.late)):
        if given:
            seed, step = map(int, given.split(":"))
            (where,) = (where for where in found if where[:2] == (seed, step))
            call("export", str(where[2]), str(out / part), "--layout", "rrdyn", "--data", str(data))


Where = tuple[int, int, Path]
"""Seed, step and folder of a checkpoint."""


def checkpoints(runs: Path, every: int, also: Sequence[str]) -> Iterator[Where]:
    """Those of every run, by seed and step: each whose step is a multiple of `every`, and those named."""
    for run in sorted(runs.glob("s[0-9]*")):
        steps = [int(folder.name.removeprefix("step_")) for folder in run.glob("checkpoints/step_*")]
        seed = int(run.name[1:])
        for step in sorted(step for step in steps if step % every == 0 or f"{seed}:{step}" in also):
            yield seed, step, run / "checkpoints" / f"step_{step}"


def name(where: Where) -> str:
    return f"s{where[0]}_{where[1]:05d}"


def call(*line: str) -> None:
    """One command of rrdyn, which keeps what is there."""
    code = rrdyn([*line, "--quiet"])
    if code:
        raise SystemExit(code)


def puzzles(source: Path, target: Path, n: int) -> Path:
    """The first n test puzzles as a dataset of their own."""
    if not target.exists():
        whole = open_split(source, "test")
        with new_dataset(target) as folder:
            write_split(folder, "test", whole.puzzle, np.asarray(whole.inputs[:n]), np.asarray(whole.labels[:n]),
                        difficulty=None if whole.difficulty is None else whole.difficulty[:n])  # fmt: skip
            write_record(folder, name=whole.name, puzzle=whole.puzzle, source="generate",
                         recipe=whole.record.recipe)  # fmt: skip
    return target


def followed(where: Where, data: Path, work: Path, n: int, *more: str, tag: str = "") -> Path:
    """The fates of the puzzles."""
    out = work / f"fate_{name(where)}{tag}.npz"
    call("fate", str(where[2]), "--data", str(data), "--n", str(n), "--horizon", str(HORIZON), "--multipliers", "0",
         "--device", "cpu", *more, "--out", str(out))  # fmt: skip
    return out


def points(where: Where, fates: Artifact) -> list[dict[str, Any]]:
    """A row a puzzle."""
    return [
        {"seed": where[0], "step": where[1], "idx": int(idx), "fate": fates.meta["fates"][fates["fate"][row]],
         **{key: fates[key][row].item() for key in KEPT}}
        for row, idx in enumerate(fates["idx"])
    ]  # fmt: skip


@torch.no_grad()
def orbits(where: Where, fates: Artifact, data: Path, work: Path, most: int, *, moving: bool) -> list[dict[str, Any]]:
    """What the first puzzles come to, refined in float64 with its multipliers; within what moves, a fixed point."""
    order = np.argsort(fates["idx"])
    groups = {str(most): order[:most]}
    if moving:
        groups["moving"] = np.array([row for row in order[most:] if fates["period"][row] == 0], dtype=int)
    found: list[dict[str, Any]] = []
    for group, rows in groups.items():
        kept = work / f"orbits_{name(where)}_{group}.csv"
        if len(rows) and not kept.exists():
            subject = open_subject(where[2], data=data, dtype=torch.float64)
            table(kept, [orbit(subject, where, fates, int(row)) for row in rows])
        if len(rows):  # read as written: residuals lie far below six digits
            found += pl.read_csv(kept, infer_schema=False).to_dicts()
    return found


def orbit(subject: Subject, where: Where, fates: Artifact, row: int) -> dict[str, Any]:
    """One of them: from the last state if it has a period, else from the average of the last states."""
    idx, period, segments = (int(fates[key][row]) for key in ("idx", "period", "followed"))
    fate = fates.meta["fates"][fates["fate"][row]]
    model, questions = subject.model, subject.questions(np.array([idx]))
    recurrence = model.recurrence(model.embed(questions.inputs, questions.identifiers))
    state = model.initial(1)
    total = [torch.zeros_like(part) for part in state]
    for segment in range(segments):
        state = plain_segment(recurrence, state)
        if segment >= segments - AVERAGED:
            total = [sum_ + part for sum_, part in zip(total, state)]
    start = state if period else protocol.rebuild(state, (part / min(AVERAGED, segments) for part in total))
    found = find_cycle(recurrence, start, max(period, 1), iterations=NEWTON, keys=[idx])
    values, converged = found.eigenvalues[0].numpy(), bool(found.converged[0])
    return {
        "seed": where[0], "step": where[1], "idx": idx, "fate": fate, "period": period, "converged": converged,
        "residual": f"{float(found.residual[0]):.1e}", "moved": f"{float(found.moved[0]):.1e}",
        "multiplier_re": values[0].real.item(), "multiplier_im": values[0].imag.item(),
        "modulus": abs(values[0]).item(), "outside": int((abs(values) > 1).sum()),
        "near": stability_loss(values, NEAR), "crossed": crossed(values[0]) if converged else "",
    }  # fmt: skip


def crossed(leading: complex) -> str:
    """As what a leading multiplier left the circle: fold, flip or Neimark-Sacker; "" where it has not."""
    return "" if abs(leading) <= 1 else stability_loss(np.array([leading]), float("inf"))


def within_budget(where: Where, data: Path, work: Path, many: int) -> ResultsRecord:
    """Drift, exponents and the 2x2 of many test puzzles, within the training budget."""
    diag, out = work / f"diag_{name(where)}.npz", work / f"analysis_{name(where)}"
    call(
        "diagnose",
        str(where[2]),
        "--data",
        str(data),
        "--n",
        str(many),
        "--k",
        "2",
        "--device",
        "cpu",
        "--out",
        str(diag),
    )
    found = out / f"results_{name(where)}.json"
    if not found.exists():
        call("analyze-2x2", str(diag), "--no-figures", "--replicates", "500", "--out", str(out))
    return read_json(found, ResultsRecord)


def rows(
    run: str,
    series: Sequence[Checkpoint],
    runs: Mapping[str, Sequence[Checkpoint]],
    budgets: Mapping[Where, ResultsRecord],
) -> Iterator[dict[str, Any]]:
    """A row a checkpoint: fates of the few, accuracy, exponents and cells of the many."""
    named = columns(runs)
    for one in series:
        (found,) = (record for (seed, step, _), record in budgets.items() if (f"s{seed}", step) == (run, one.step))
        shares = {name: one.share(name) for name in named}
        wide = {
            "right": found.interval("exact_acc"), "settled_2x2": found.interval("frac_converged"),
            "auc": found.interval("auc.neg_lam1_predicts_correct_overall"),
        }  # fmt: skip
        at_rest = one.share("fixed", "cycle")
        yield {
            "seed": int(run[1:]), "step": one.step, "n": one.table.n, **spread("right_few", one.right),
            **spread("right_end", one.right_end), **spread("settled", at_rest),
            **{key: value for name, share in shares.items() for key, value in spread(name, share).items()},
            **{f"{name}_right": int(one.ends[one.table.fates.index(name), 1]) for name in named},
            "n_wide": found.n,
            **{key: value for name, share in wide.items() for key, value in spread(name, share).items()},
            "eta": found.threshold.eta if found.threshold else None,
            **{f"lambda_1_{side}": median_exponent(found, side) for side in ("correct", "wrong")},
        }  # fmt: skip


def median_exponent(found: ResultsRecord, side: str) -> float | None:
    """Leading exponent within the budget, median of the right or wrong ones."""
    values = (found.intervals or {}).get(f"spectrum_median.{side}")
    return values[0].value if isinstance(values, list) and values else None


def spread(name: str, interval: Interval | None) -> dict[str, float | None]:
    ends = {name: "value", f"{name}_low": "low", f"{name}_high": "high"}
    return {key: None if interval is None else getattr(interval, end) for key, end in ends.items()}


def precision(where: Where, narrow: Path, data: Path, work: Path) -> dict[str, Any]:
    """How many puzzles have the same fate in float64, and what became of the others."""
    n = len(read_fates(narrow)["idx"])
    wide = followed(where, data, work, n, "--dtype", "float64", tag="_f64")
    found = compare(of_fates(read_fates(narrow)), of_fates(read_fates(wide)))
    assert found.same_fate is not None
    moved = {f"{a} -> {b}": count for (a, b), count in found.fates.items() if a != b}
    return {"n": found.n, "same_fate": found.same_fate.model_dump(), "changes": moved}


def training(seed: int, run: Path) -> Iterator[dict[str, Any]]:
    """A row an evaluation on the validation puzzles, from the run's log."""
    for line in read_jsonl(run / "train.jsonl"):
        if line.get("acc") is not None:
            n = int(line["eval_n"])
            right = rate(round(line["acc"] * n), n)
            yield {"seed": seed, "step": line["step"], "n": n, "right": round(line["acc"] * n), "accuracy": right.value,
                   "low": right.low, "high": right.high, "drift": line["drift"], "accuracy_perturbed": line["acc_pert"],
                   "n_perturbed": line["eval_perturbed_n"], "lambda_1": line["lam1"]}  # fmt: skip


def table(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows that name their seed, after those of other seeds that are there."""
    text = pl.DataFrame([dict(row) for row in rows], infer_schema_length=None).write_csv(float_precision=6)
    told = pl.read_csv(StringIO(text), infer_schema=False)
    if path.exists():
        there = pl.read_csv(path, infer_schema=False)
        told = pl.concat([there.filter(~pl.col("seed").is_in(told["seed"].unique().implode())), told], how="diagonal")
    with replacing(path) as partial, open(partial, "wb") as stream:
        told.sort(pl.col("seed").cast(int), pl.col("step").cast(int), maintain_order=True).write_csv(stream)


if __name__ == "__main__":
    main()
