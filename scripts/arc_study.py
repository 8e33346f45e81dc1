"""Fates of answers to small ARC questions, and what tells the right ones among votes: the tables of docs/arc_small.

    python scripts/arc_study.py runs/arc --out docs/arc_small         # all of it; stopped, it goes on
    python scripts/arc_study.py runs/arc --out docs/arc_small --list  # the command lines, none is run
    python scripts/arc_study.py runs/tiny --out runs/page --tiny      # the same in seconds, without sense

Every step is a command of rrdyn: `arc-small` trained for each seed, its votes after the first segment, after the budget
and under the blank identifier, exponents, fates and the 2x2 of the same copies. Writes `models.csv` (a row a seed),
`votes.csv` (a row a seed and way of asking) and `readers.csv` (a row a seed and reader), both with the means over seeds
(Student's t; seed "all"), `arc_small.json` and `README.md`, which has no number that is not in them.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from rrdyn.analysis.fates import read_fates
from rrdyn.analysis.intervals import mean
from rrdyn.analysis.vote_readers import vote_scores
from rrdyn.analysis.votes import confident, tally, within_questions
from rrdyn.artifacts.files import make_folder, write_json, write_text
from rrdyn.artifacts.frame import write_frame
from rrdyn.artifacts.interval import Interval
from rrdyn.artifacts.npz import Artifact, read_npz
from rrdyn.artifacts.provenance import provenance
from rrdyn.artifacts.reading import read_json
from rrdyn.artifacts.schemas import DIAG
from rrdyn.cli.app import main as rrdyn
from rrdyn.dynamics import FATES
from rrdyn.runtime.streams import generator
from rrdyn.studies.seed_tables import bounds, over_seeds, pipe, read_table, told
from rrdyn.studies.steps import Step, run_steps

SEEDS, COPIES, HORIZON = (0, 1, 2), 256, 64
ASKED = {"budget": (), "first segment": ("--segments", "1"), "blank identifier": ("--identifiers", "blank")}
TINY = ("--steps", "4", "--batch", "8", "--eval-every", "4", "--eval-n", "8")
TABLES = ("models", "votes", "readers")
DRAWS = 300
"""Of the placebo."""
ALL = "all"
"""In the column of seeds: the mean over them."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--tiny", action="store_true", help="a size for tests")
    parser.add_argument("--list", action="store_true", help="print the command lines and stop")
    args = parser.parse_args()
    steps = list(plan(args.root, tiny=args.tiny))
    if args.list:
        print("\n".join(step.line for step in steps))
        return
    run_steps(steps, make_folder(args.root) / "study.json", lambda line: rrdyn([*line, "--quiet"]))
    written(args.root, make_folder(args.out), [step.line for step in steps])


def plan(root: Path, *, tiny: bool) -> Iterator[Step]:
    """The command lines of all seeds; measurements follow their training."""
    cpu = ("--device", "cpu")
    for seed in SEEDS:
        folder = root / f"s{seed}"
        weights = folder / "checkpoints" / "last"
        yield Step(title=f"seed {seed}", makes=weights, seconds=200,
                   argv=("train", "arc", "--preset", "arc-small", "--seed", str(seed), "--out", str(folder),
                         *(TINY if tiny else ())))  # fmt: skip
        measured = {f"{asked}.npz": ("vote", str(weights), *words) for asked, words in ASKED.items()}
        size = ("--n", str(COPIES))
        measured |= {
            "diag.npz": ("diagnose", str(weights), *size, "--k", "4"),
            "fate.npz": ("fate", str(weights), *size, "--horizon", str(8 if tiny else HORIZON), "--multipliers", "0"),
        }
        for name, words in measured.items():
            out = folder / name.replace(" ", "_")
            yield Step(title=f"seed {seed}: {name}", makes=out, seconds=20, argv=(*words, *cpu, "--out", str(out)))
        yield Step(title=f"seed {seed}: 2x2", makes=folder / "analysis_2x2" / "results_diag.json", seconds=10,
                   argv=("analyze-2x2", str(folder / "diag.npz"), "--out", str(folder / "analysis_2x2")))  # fmt: skip


# ---- tables ----------------------------------------------------------------------------------------------------------


def written(root: Path, out: Path, lines: list[str]) -> None:
    models, votes, readers = [], [], []
    drawn: dict[str, dict[str, np.ndarray]] = {}
    for seed in SEEDS:
        folder = root / f"s{seed}"
        files = {asked: read_npz(folder / f"{asked.replace(' ', '_')}.npz") for asked in ASKED}
        models.append({"seed": str(seed), **model(folder)})
        votes += [{"seed": str(seed), "asked": asked, **voted(file)} for asked, file in files.items()]
        scores = scores_of(files["budget"], folder)
        readers += [{"seed": str(seed), **row} for row in read(files["budget"], scores)]
        every = {"q_halt": confident(files["budget"]["q_halt"]), **scores}
        drawn[str(seed)] = placebo(files["budget"].arrays, every, generator(0, "copies", seed))
    tables = {"models": pl.DataFrame(models), "votes": with_means(votes, "asked", VOTED),
              "readers": judged(with_means(readers, "reader", READ), drawn)}  # fmt: skip
    for name, table in tables.items():
        write_frame(out / f"{name}.csv", table)
    write_json(
        out / "arc_small.json",
        {"copies": COPIES, "horizon": HORIZON, "draws": DRAWS, "lines": lines, "meta": provenance()},
    )
    write_text(out / "README.md", page(out))


def model(folder: Path) -> dict[str, Any]:
    """What the states of one seed's model do: exponents, fates by outcome, cells of the 2x2."""
    diag, fate = read_npz(folder / "diag.npz", DIAG), read_fates(folder / "fate.npz")
    rng = generator(0, "arc", folder.name)
    right = fate["right_budget"].astype(bool)
    found: dict[str, Any] = {"copies": len(right), **bounds("lambda_1", mean(diag["lyap_spec"][:, 0], rng))}
    for code, name in enumerate(fate.meta["fates"]):
        here = fate["fate"] == code
        found |= {f"{name}_right": int((here & right).sum()), f"{name}_wrong": int((here & ~right).sum())}
    results = read_json(folder / "analysis_2x2" / "results_diag.json")
    cells = {f"cell_{key[0]}": cell["n"] for key, cell in results["cells"].items()}
    return {**found, **cells, "one_mode": int(results["threshold"]["one_mode"])}


def voted(file: Artifact) -> dict[str, Any]:
    found = tally(file.arrays)
    gain = Interval(value=(found.passes["pass@1"].value or 0) - (found.single.value or 0), low=None, high=None)
    return {**bounds("gain", gain), **bounds("pass_1", found.passes["pass@1"]),
            **bounds("pass_2", found.passes["pass@2"]), **bounds("one_vote", found.single),
            "questions": found.questions, "votes": found.votes}  # fmt: skip


def scores_of(file: Artifact, folder: Path) -> dict[str, np.ndarray]:
    return vote_scores(file["idx"], file.meta, [folder / "diag.npz", folder / "fate.npz"])


def read(file: Artifact, scores: Mapping[str, np.ndarray]) -> Iterator[dict[str, Any]]:
    """A row for each reader of the votes after the budget."""
    for row in tally(file.arrays, scores).readers:
        yield {"reader": row.reader, "mixed_questions": row.tells.n, **bounds("tells", row.tells),
               **bounds("tells_over_q_halt", row.tells_over_q_halt),
               **bounds("counted_1", row.counted["pass@1"]), **bounds("alone_1", row.alone["pass@1"])}  # fmt: skip


def placebo(
    arrays: Mapping[str, np.ndarray], scores: Mapping[str, np.ndarray], rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """(DRAWS,) `tells` by chance, of a reader that knows which copies are right more often, and nothing else.

    Which votes are right is drawn anew, with as many right ones of every copy and of every question (2 x 2 swaps).
    """
    right, tasks = arrays["right"].astype(bool).copy(), []
    for task in np.unique(arrays["task"]):
        here = np.flatnonzero(arrays["task"] == task)
        (questions, row), (copies, column) = (np.unique(arrays[name][here], return_inverse=True)
                                              for name in ("question", "identifier"))  # fmt: skip
        place = np.empty((len(questions), len(copies)), dtype=int)
        place[row, column] = here
        tasks.append(place)
    found: dict[str, list[float]] = {name: [] for name in scores}
    for _ in range(DRAWS):
        for place in tasks:
            for _ in range(5 * place.size):
                rows, columns = (rng.choice(size, 2, replace=False) for size in place.shape)
                square = place[np.ix_(rows, columns)]
                a, b, c, d = right[square].ravel()
                if a == d and b == c and a != b:
                    right[square] = ~right[square]
        drawn = {**arrays, "right": right}
        for name, score in scores.items():
            found[name].append(float(within_questions(drawn, score).mean()))
    return {name: np.array(values) for name, values in found.items()}


def judged(table: pl.DataFrame, drawn: Mapping[str, Mapping[str, np.ndarray]]) -> pl.DataFrame:
    """The readers, each with what `placebo` gives and how often it gives as much; over seeds, of the mean."""
    rows = []
    for row in table.to_dicts():
        seeds = list(drawn) if row["seed"] == ALL else [row["seed"]]
        draws = np.mean([drawn[seed][row["reader"]] for seed in seeds], axis=0)
        above = row["tells"] is not None and (1 + int((draws >= row["tells"] - 1e-12).sum())) / (1 + DRAWS)
        rows.append({**row, "chance": float(draws.mean()), "p": float(above)})
    return pl.DataFrame(rows, infer_schema_length=None)


VOTED = {"gain": False, "pass_1": True, "pass_2": True, "one_vote": True}
READ = {"tells": True, "tells_over_q_halt": False, "counted_1": True, "alone_1": True}
"""What is averaged over seeds; True: a share."""


def with_means(rows: Sequence[Mapping[str, Any]], key: str, columns: Mapping[str, bool]) -> pl.DataFrame:
    """The rows, and after them their means over seeds."""
    table = pl.DataFrame(list(rows), infer_schema_length=None)
    means = over_seeds(table, (key,), columns).drop("seeds").with_columns(seed=pl.lit(ALL))
    return pl.concat([table, means], how="diagonal_relaxed")


# ---- the page --------------------------------------------------------------------------------------------------------


def page(folder: Path) -> str:
    """README.md from the files beside it, and from nothing else."""
    tables = {name: read_table(folder / f"{name}.csv").with_columns(pl.col("seed").cast(str)) for name in TABLES}
    facts = read_json(folder / "arc_small.json")
    models, votes, readers = (tables[name] for name in TABLES)
    own = models.to_dicts()
    seeds = [row["seed"] for row in own]
    first = votes.to_dicts()[0]
    mixed = [str(row["mixed_questions"]) for row in readers.filter(reader="q_halt").to_dicts() if row["seed"] != ALL]
    return "\n".join([
        "# Votes and fates on small ARC", "",
        "Written by `python scripts/arc_study.py`, from the files beside it: `arc-small`, four generated "
        f"transformations, {first['questions']} questions of the test split in "
        f"{first['votes'] // first['questions']} copies each. "
        "Brackets: 95% intervals, of pass@k over four tasks, of one vote as if votes were independent, over seeds "
        "Student's t.", "",
        "## Right answers", "",
        *pipe(["asked", "", *(f"seed {seed}" for seed in seeds), "over seeds"],
              by_seed(votes, "asked", {"pass_1": "pass@1", "pass_2": "pass@2", "one_vote": "one vote",
                                       "gain": "pass@1 less one vote"})), "",
        "## What tells the right votes", "",
        "*tells*: how often a right vote stands above a wrong one of its question, over the questions that have both "
        f"({', '.join(mixed)}). Chance: the same for a reader that knows how often each copy and each question is "
        f"right, and nothing else ({facts['draws']} draws; not one half, as the rule of mirror and turn is another for "
        "the original than for its copies); p, one-sided, is not corrected for the number of readers. pass@1 with "
        "votes counted and the reader among equals, and by the reader alone.", "",
        *pipe(["reader", "", *(f"seed {seed}" for seed in seeds), "over seeds"],
              by_seed(readers, "reader", {"tells": "tells", "chance": "chance (p)",
                                          "tells_over_q_halt": "less q_halt's", "counted_1": "pass@1, counted",
                                          "alone_1": "pass@1, alone"})), "",
        "## Fates of the copies", "",
        f"Of {facts['copies']} copies, followed to {facts['horizon']} segments: wrong / right at the budget.", "",
        *pipe(["fate", *(f"seed {seed}" for seed in seeds)], fates(own)), "",
        "lambda_1 over the budget (nats per sub-update): " + "; ".join(told(row, "lambda_1") for row in own) + ".",
        "2x2 by late drift: " + "; ".join(cells(row) for row in own) + ".", "",
        "Every command line stands in `arc_small.json`.", "",
    ])  # fmt: skip


def by_seed(table: pl.DataFrame, key: str, columns: Mapping[str, str]) -> list[list[str]]:
    lines = []
    for kind in table[key].unique(maintain_order=True):
        rows = table.filter(pl.col(key) == kind).to_dicts()
        for name, words in columns.items():
            lines.append([kind if name == next(iter(columns)) else "", words,
                          *(chance(row) if name == "chance" else told(row, name, sign="over" in name or name == "gain")
                            for row in rows)])  # fmt: skip
    return lines


def chance(row: Mapping[str, Any]) -> str:
    return f"{row['chance']:.3f} ({row['p']:.3f})" if np.isfinite(row["chance"]) else "-"


def fates(own: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    return [[name, *(f"{row[f'{name}_wrong']} / {row[f'{name}_right']}" for row in own)]
            for name in FATES if any(row[f"{name}_{end}"] for row in own for end in ("wrong", "right"))]  # fmt: skip


def cells(row: Mapping[str, Any]) -> str:
    """The four cells of a seed, where settled and unsettled are told apart."""
    return "not told apart" if row["one_mode"] else ", ".join(f"{cell} {row[f'cell_{cell}']}" for cell in "ABCD")


if __name__ == "__main__":
    main()
