"""Measure weights that others trained, and write the tables of docs/real.

    python scripts/real_weights.py WEIGHTS WORK docs/real

WEIGHTS holds mod113/seed_N.pt, nano/NAME.ckpt and nano/data/sudoku_6x6_small (docs/real/README.md says where they come
from; what is not there is left out); WORK keeps what is measured, a folder a
checkpoint: stopped anywhere, the same command goes on, and what is there for the same settings is kept. No byte of the
weights goes anywhere else.
"""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Sequence
from itertools import permutations
from pathlib import Path

import numpy as np

from rrdyn.analysis.areas import auc_intervals
from rrdyn.analysis.intervals import rate
from rrdyn.artifacts.npz import Artifact, read_npz
from rrdyn.cli.app import main as rrdyn
from rrdyn.data.folder import open_split
from rrdyn.dynamics.fate import FATES

DEPTHS = (1, 2, 4, 8, 16, 32)
SPLITS = ("train", "test")
ANSWER = 2
"""The place of the answer of a modular sum."""
LOST_BY = 4
"""Segment by which an answer may be lost: there some are and some are not."""


def early_exponent(diag: Artifact) -> np.ndarray:
    """(N,) lambda_1 over the first LOST_BY segments, nats per sub-update."""
    return diag["log_r"][:, :LOST_BY, 0].mean(1) / diag.meta["estimator"]["sub_updates_per_segment"]


READOUTS = {
    "lambda_1 of segments 1 to 4": early_exponent,
    "lambda_1 of segments 1 to 16": lambda d: d["lyap_spec"][:, 0],
    "drift of z_H at segment 2": lambda d: d["drift_zH"][:, 1],
    "drift of z_H at segment 4": lambda d: d["drift_zH"][:, 3],
    "-q_halt at segment 1": lambda d: -d["q_halt"][:, 0],
}
"""What may tell a lost answer: larger where it is lost."""


def measure(checkpoint: Path, out: Path) -> None:
    """Every file of one checkpoint, by the commands that a user types."""
    common = [str(checkpoint), "--device", "cpu", "--quiet"]
    lines = {
        "evaluate.json": ["evaluate", *common, "--n", "2000", "--segments", "32"],
        **{
            f"all-{split}.json": ["evaluate", *common, "--n", "0", "--split", split, "--segments", "4"]
            for split in SPLITS
        },
        "diag.npz": ["diagnose", *common, "--n", "128", "--segments", "16", "--k", "2"],
        "fate.npz": ["fate", *common, "--n", "24", "--horizon", "128", "--multipliers", "0"],
        "multipliers.npz": ["fate", *common, "--n", "3", "--horizon", "128", "--multipliers", "2"],
    }
    for name, line in lines.items():
        if line[0] == "evaluate" and (out / name).is_file():  # the others look themselves
            continue
        if code := rrdyn([*line, "--out", str(out / name)]):
            raise SystemExit(code)


def accuracy_rows(name: str, evaluation: dict) -> list[dict]:
    found = {row["segment"]: row["exact"] for row in evaluation["segments"]}
    return [
        {"model": name, "segment": depth, "right": round(found[depth]["value"] * found[depth]["n"]),
         **{key: found[depth][key] for key in ("n", "value", "low", "high")}}
        for depth in DEPTHS
    ]  # fmt: skip


def all_rows(name: str, out: Path) -> list[dict]:
    """Every pair there is, counted: those of the two splits, and together."""
    counts: dict[tuple[str, int], tuple[int, int]] = {}
    for split in SPLITS:
        for row in json.loads((out / f"all-{split}.json").read_text())["segments"]:
            exact, segment = row["exact"], row["segment"]
            one = (round(exact["value"] * exact["n"]), exact["n"])
            before = counts.get(("all", segment), (0, 0))
            counts[split, segment] = one
            counts["all", segment] = (before[0] + one[0], before[1] + one[1])
    return [
        {"model": name, "pairs": pairs, "segment": segment, "right": right, "n": n,
         **{key: getattr(rate(right, n), key) for key in ("value", "low", "high")}}
        for (pairs, segment), (right, n) in sorted(counts.items(), key=lambda item: (item[0][1], item[0][0]))
    ]  # fmt: skip


def model_row(name: str, out: Path, evaluation: dict) -> dict:
    """One line a model: what may tell between seeds how much of the accuracy is lost."""
    diag, fate, refined = (read_npz(out / f"{kind}.npz") for kind in ("diag", "fate", "multipliers"))
    exact = {row["segment"]: row["exact"]["value"] for row in evaluation["segments"]}
    counts = {label: int((fate["fate"] == code).sum()) for code, label in enumerate(FATES)}
    moduli = np.abs(refined["multiplier_re"] + 1j * refined["multiplier_im"])[:, 0]
    moduli = moduli[np.isfinite(moduli)]
    return {
        "model": name,
        **{f"exact at {depth}": exact[depth] for depth in (1, 4, 8, 16, 32)},
        "early lambda_1": float(np.median(early_exponent(diag))),
        "lambda_1": float(np.median(diag["lyap_spec"][:, 0])),
        "lambda_2": float(np.median(diag["lyap_spec"][:, 1])),
        "drift at 4": float(np.median(diag["drift_zH"][:, 3])),
        "drift at 16": float(np.median(diag["drift_zH"][:, 15])),
        "late exponent": float(np.nanmedian(fate["lambda_late"])),
        "settled": counts["fixed"] + counts["cycle"],
        "followed": len(fate["fate"]),
        "fates": " ".join(f"{label}:{count}" for label, count in counts.items() if count),
        "kept to the end": int((fate["right_budget"] & fate["right_end"]).sum()),
        "multipliers": " ".join(f"{value:.3f}" for value in moduli) or "none settled",
    }


def lost_rows(name: str, out: Path, rng: np.random.Generator) -> list[dict]:
    """Within a model: does a readout tell which answers, right at segment 1, are wrong at segment 4?"""
    diag = read_npz(out / "diag.npz")
    chosen = right_at(diag, 1)
    lost = chosen & ~right_at(diag, LOST_BY)
    scores = [np.asarray(read(diag), dtype=float)[chosen] for read in READOUTS.values()]
    intervals = auc_intervals(scores, lost[chosen], rng)
    return [
        {"model": name, "readout": what, "n": int(chosen.sum()), "lost": int(lost.sum()), "auc": one.value,
         "low": one.low, "high": one.high}
        for what, one in zip(READOUTS, intervals)
    ]  # fmt: skip


def right_at(diag: Artifact, segment: int) -> np.ndarray:
    """(N,) whether the answer is right after a segment."""
    named = diag.meta["dataset"]
    split = open_split(named["path"], named["split"])
    return diag["preds"][:, segment - 1, ANSWER] == split.answers(diag["idx"])[:, ANSWER]


def nano_rows(weights: Path, work: Path) -> list[dict]:
    """Accuracy of the raw weights of nano-trm's checkpoints at their depth and at twice it."""
    rows = []
    for checkpoint in sorted(weights.glob("nano/*.ckpt")):
        out = work / f"nano-{checkpoint.stem}" / "evaluate.json"
        out.parent.mkdir(parents=True, exist_ok=True)
        data = str(weights / "nano" / "data" / "sudoku_6x6_small")
        line = ["evaluate", str(checkpoint), "--data", data, "--weights", "raw", "--n", "64", "--segments", "32"]
        if not out.is_file() and (code := rrdyn([*line, "--device", "cpu", "--quiet", "--out", str(out)])):
            raise SystemExit(code)
        found = {row["segment"]: row for row in json.loads(out.read_text())["segments"]}
        rows += [
            {"model": checkpoint.stem, "segment": depth, "n": found[depth]["exact"]["n"],
             "exact": found[depth]["exact"]["value"], "token_acc": found[depth]["token_acc"]["value"],
             "low": found[depth]["token_acc"]["low"], "high": found[depth]["token_acc"]["high"]}
            for depth in (1, 4, 16, 32)
        ]  # fmt: skip
    return rows


def exact_spearman(x: Sequence[float], y: Sequence[float]) -> tuple[float, float]:
    """Spearman's rho and its exact two-sided p over all orders of the seeds."""
    from scipy.stats import rankdata

    a, b = rankdata(x), rankdata(y)

    def rho(order: Sequence[float]) -> float:
        return float(np.corrcoef(a, order)[0, 1])

    seen = rho(b)
    return seen, float(np.mean([abs(rho(one)) >= abs(seen) - 1e-12 for one in permutations(b)]))


def write(path: Path, rows: list[dict]) -> None:
    with path.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, rows[0])
        writer.writeheader()
        for row in rows:
            writer.writerow({key: f"{value:.6g}" if isinstance(value, float) else value for key, value in row.items()})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("weights", "work", "out"):
        parser.add_argument(name, type=Path)
    given = parser.parse_args()
    rng = np.random.default_rng(0)
    accuracy, models, lost, every = [], [], [], []
    for checkpoint in sorted(given.weights.glob("mod113/seed_*.pt")):
        name = f"mod113-{checkpoint.stem.removeprefix('seed_')}"
        out = given.work / name
        out.mkdir(parents=True, exist_ok=True)
        measure(checkpoint, out)
        evaluation = json.loads((out / "evaluate.json").read_text())
        accuracy += accuracy_rows(name, evaluation)
        every += all_rows(name, out)
        models.append(model_row(name, out, evaluation))
        lost += lost_rows(name, out, rng)
    given.out.mkdir(parents=True, exist_ok=True)
    write(given.out / "accuracy.csv", accuracy)
    write(given.out / "all_pairs.csv", every)
    write(given.out / "models.csv", models)
    write(given.out / "lost.csv", lost)
    between = []
    for what in ("early lambda_1", "lambda_1", "lambda_2", "drift at 4", "drift at 16", "late exponent", "settled"):
        for target in ("exact at 4", "exact at 8"):
            rho, p = exact_spearman([row[what] for row in models], [row[target] for row in models])
            between.append({"what": what, "with": target, "seeds": len(models), "rho": rho, "exact p": p})
    write(given.out / "between.csv", between)
    if nano := nano_rows(given.weights, given.work):
        write(given.out / "nano.csv", nano)


if __name__ == "__main__":
    main()
