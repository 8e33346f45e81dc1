"""Fates of the study's checkpoint: the table, puzzle by puzzle, and what changes with arithmetic and horizon.

    rrdyn fate docs/study/checkpoint --n 512 --multipliers 0 --out fate_f32_256.npz
    rrdyn fate docs/study/checkpoint --n 512 --multipliers 0 --dtype float64 --out fate_f64_256.npz
    python scripts/study_fates.py fate_f32_256.npz fate_f64_256.npz ... --out docs/study/first/fates

The first file is what the others are compared with, on the puzzles that both have. Writes `points.csv` (a row a puzzle
of the first file), `fates.json` (its table) and `agreement.json` (how many puzzles come out otherwise in each other
file, and which fate became which), and prints them.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from rrdyn.analysis.comparison import compare
from rrdyn.analysis.fates import of_result, read_fates, told
from rrdyn.analysis.measured import of_fates
from rrdyn.analysis.summary import bounded
from rrdyn.artifacts.files import make_folder, replacing, write_json
from rrdyn.artifacts.npz import Artifact

FAILURES, RIGHT = 40, 8
"""Of FIELD 10: so many puzzles that are wrong, and right, at the budget, by number."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("files", type=Path, nargs="+")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    first, *others = (read_fates(path) for path in args.files)
    out = make_folder(args.out)
    table = of_result(first.arrays, first.meta)
    points = pl.DataFrame(
        {
            "idx": first["idx"],
            "fate": [first.meta["fates"][code] for code in first["fate"]],
            **{key: first[key] for key in ("period", "settled_at", "right_budget", "right_end", "right_at", "followed",
                                           "lambda_late", "lambda_low", "lambda_high")},
        }
    )  # fmt: skip
    with replacing(out / "points.csv") as partial, open(partial, "wb") as stream:
        points.write_csv(stream, float_precision=6)
    write_json(out / "fates.json", {**table.record().model_dump(), "few": few(first), "of": said(first)})
    rows = [agreement(first, other) for other in others]
    write_json(out / "agreement.json", {"first": said(first), "others": rows})
    print(told(table))
    print(few(first))
    for row in rows:
        print(f"{row['of']}: {row['same']} one fate; {row['changes']}")


def said(artifact: Artifact) -> dict[str, Any]:
    """What a file is."""
    settings = artifact.meta["settings"]
    return {"n": len(artifact["idx"]), **{key: settings[key] for key in ("dtype", "horizon", "max_period", "seed")},
            "libraries": artifact.meta.get("libraries"), "git_commit": artifact.meta.get("git_commit")}  # fmt: skip


def agreement(first: Artifact, other: Artifact) -> dict[str, Any]:
    """How many puzzles have one fate in both, one that settles or not, and which became which."""
    found = compare(of_fates(first), of_fates(other), any_horizon=True)
    assert found.same_fate is not None
    changes = {f"{a} -> {b}": count for (a, b), count in found.fates.items() if a != b}
    right = {name: column.record().model_dump() for name, column in found.columns.items()}
    same = found.same_fate
    return {"of": said(other), "n": found.n, "same": bounded(same), "same_fate": same.model_dump(),
            "changed": sum(changes.values()), "changes": changes, **right}  # fmt: skip


def few(artifact: Artifact) -> dict[str, dict[str, int]]:
    """Fates of the first failures and of the first right ones."""
    right = artifact["right_budget"].astype(bool)
    counted = {}
    for name, rows, most in (("failures", ~right, FAILURES), ("right", right, RIGHT)):
        codes, counts = np.unique(artifact["fate"][rows][:most], return_counts=True)
        counted[name] = {artifact.meta["fates"][code]: int(count) for code, count in zip(codes, counts)}
    return counted


if __name__ == "__main__":
    main()
