"""Inference compute on small trained models: the tables of docs/scaling, over tasks, seeds, methods and budgets.

    python scripts/scaling_study.py runs/scaling --out docs/scaling            # all of it; stopped anywhere, it goes on
    python scripts/scaling_study.py runs/scaling --out docs/scaling --list     # the command lines, and nothing is run
    python scripts/scaling_study.py runs/tiny --out runs/tiny/page --tiny      # the same in a minute, without sense

Three seeds of a small TRM on 6x6 Sudoku with 10 clues and on 7x7 mazes are trained, or those given with --sudoku and
--maze are taken. Every step is a command of rrdyn; ROOT/TASK/study.json remembers those that are done. `scale` follows
all methods to 64 times the model's own compute on 128 puzzles, on half of them once more to 8 times for depth x breadth
and to 16 times for other strengths of the noise; `fate` follows the same puzzles; `analyze-scale` judges. --task and
--seeds do a part of it (two processes may do a task each): the page is written by a run without them, once all is
there.

Processor time, in one thread with AVX-512: about 30 minutes a task and seed, 3 hours in all, the analyses not counted.

What is written: `curves.csv` (a row a seed, method and compute), `seeds.csv` (over seeds), `areas.csv`, `freed.csv`,
`readers.csv`, `placebo.csv`, `map.csv`, `noise.csv`, `scaling.json` and `README.md`, which has no number that is not
in them. Comparisons are paired (the same puzzles) and corrected after Holm over methods x budgets within a seed, by
`analyze-scale`; over seeds stands the mean with Student's t. Beside them two placebos: `random` takes a particle at
random, `shuffled` takes one by the method's own reader once its scores have changed places among the particles.
"""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import polars as pl

from rrdyn.analysis.intervals import mean, mean_over_seeds, rate
from rrdyn.analysis.particles import PLAIN, Grid, Point, grid
from rrdyn.analysis.ranks import auc
from rrdyn.analysis.readers import MEANING, READERS, Particles
from rrdyn.analysis.scaling import RIGHT, flip_test, gain
from rrdyn.analysis.significance import holm
from rrdyn.artifacts.errors import UsageError
from rrdyn.artifacts.files import make_folder, write_json, write_text
from rrdyn.artifacts.frame import write_frame
from rrdyn.artifacts.npz import read_npz
from rrdyn.artifacts.provenance import provenance
from rrdyn.artifacts.reading import read_json
from rrdyn.artifacts.scaling import ScalingRecord
from rrdyn.artifacts.schemas import SCALE
from rrdyn.cli.app import main as rrdyn
from rrdyn.plotting.registry import plot
from rrdyn.runtime.streams import generator
from rrdyn.studies.seed_tables import bounds, over_seeds, pipe, read_table, told
from rrdyn.studies.steps import Step, run_steps

TASKS = {
    "sudoku": ("sudoku-small", ("--size", "6", "--clues", "10")),
    "maze": ("maze-small", ("--size", "7", "--loops", "0")),
}
"""Preset, and what the puzzles are."""
TRAINED = ("--steps", "800", "--lr", "4e-3", "--set", "model.halt_max_steps=4")
"""Beside the preset: half its budget, which is what 1x is. Measured is what they are at step 500: at the end they are
right so often that little is left to gain (validation puzzles of seed 0: .95 of Sudoku, all of the mazes)."""
MAPPED = ("longer", "restarts", "path-noise", "random-start", "smc")
"""Methods that are also followed deeper."""
FIGURES = {"all": ("compute", "freed"), "map": ("map",)}
"""What is drawn, of which run."""
DRAWN = {"compute": "accuracy against compute", "freed": "freed fates", "map": "depth x breadth"}
NOISES = ("longer", "path-noise=0.1", "path-noise=1", "path-noise=3", "restarts=1", "restarts=3", "smc=1")
"""Other strengths than the default of .3, on as many puzzles as depth x breadth."""
REPORTED = {
    "path-noise": "PTRM, arXiv:2605.19943: 87.4 to 98.75%",
    "smc": "Guided Reasoning, arXiv:2605.25230: 85.9 to 98.0%",
    "restarts": "halt-first ensembles, arXiv:2601.19085: 97.2%",
    "equilibrium": "EqR, arXiv:2605.21488: above 99%; 93% on unique mazes, trained on other data",
    "permute": "arXiv:2601.10679, together with checkpoints, HRM: 54.5 to 96.9%",
    "ensemble": "the same, together with permutations",
}
"""What the papers of the methods report, of full-size models on Sudoku-Extreme."""
ENDING = ("longer", "restarts", "restarts=1", "path-noise", "path-noise=1", "random-start", "smc", "permute")
"""What is followed of the Sudoku models at the end of training, on all test puzzles; smc resamples at every segment."""
CHOOSING = ("q_halt", "majority", "oracle")
"""Readers told of every method there, beside its own."""
TABLES = ("curves", "seeds", "areas", "freed", "readers", "placebo", "map", "noise", "heads", "end")
LEVEL = 0.05
REPLICATES = 2000


@dataclass(frozen=True, kw_only=True)
class Size:
    """How much of everything."""

    puzzles: int = 128
    budget: int = 64
    mapped: int = 8
    """Of depth x breadth; on so many puzzles:"""
    mapped_puzzles: int = 64
    noisy: int = 16
    """Largest compute of other strengths of the noise."""
    horizon: int = 512
    train: tuple[str, ...] = TRAINED
    step: int = 500
    """Of training, at which a model is measured."""
    ending: int = 8
    """Largest compute at the end of training; on so many puzzles:"""
    ending_puzzles: int = 512
    data: tuple[str, ...] = ("--n", "1000", "--test-n", "512", "--val-groups", "128")


TINY = Size(
    puzzles=6, budget=4, mapped=2, mapped_puzzles=6, noisy=2, horizon=24, step=4, ending=2, ending_puzzles=6,
    data=("--n", "64", "--test-n", "16", "--val-groups", "8"),
    train=("--steps", "4", "--batch", "8", "--eval-every", "4", "--eval-n", "8",
           "--set", "eval.perturbed_n=4", "eval.lyapunov_n=1", "model.hidden_size=16", "model.num_heads=2",
           "model.H_cycles=2", "model.L_cycles=1", "model.L_layers=1", "model.halt_max_steps=2"),
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Trained:
    """One model of the study."""

    task: str
    seed: int
    model: Path
    end: Path | None
    """The same at the end of training, where that is measured too."""
    root: Path
    """Where its files go."""

    @property
    def fates(self) -> Path:
        return self.root / self.task / f"fate_{self.task}_s{self.seed}.npz"

    def file(self, name: str) -> Path:
        return self.root / self.task / f"{name}_s{self.seed}" / f"scale_{self.task}_s{self.seed}.npz"

    def analysis(self, name: str) -> Path:
        return self.file(name).with_name(f"scaling_{self.task}_s{self.seed}.json")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--task", choices=TASKS, nargs="*", default=list(TASKS), help="only this one")
    parser.add_argument("--seeds", type=int, nargs="*", default=[0, 1, 2])
    for task in TASKS:
        parser.add_argument(
            f"--{task}", type=Path, nargs="*", default=[], help="checkpoints, a seed each, not to train"
        )
    parser.add_argument("--tiny", action="store_true", help="a size for tests")
    parser.add_argument("--list", action="store_true", help="print the command lines and stop")
    args = parser.parse_args()
    size = TINY if args.tiny else Size()
    given = {task: list(getattr(args, task)) for task in TASKS}
    steps: dict[str, list[Step]] = {}
    models = []
    for task in args.task:
        if given[task] and len(given[task]) < 1 + max(args.seeds):
            raise UsageError(f"--{task} has too few checkpoints", found=len(given[task]), expected="one for each seed")
        everyone = [trained(args.root, task, seed, given[task], size.step) for seed in range(len(given[task]) or 3)]
        models += [one for one in everyone if one.seed in args.seeds]
        steps[task] = list(plan(args.root, task, everyone, args.seeds, size, train=not given[task]))
    if args.list:
        print("\n".join(step.line for task in steps for step in steps[task]))
        return
    for task in steps:
        run_steps(steps[task], make_folder(args.root / task) / "study.json", lambda line: rrdyn([*line, "--quiet"]))
    if (args.task, args.seeds) == (list(TASKS), [0, 1, 2]):
        written(models, make_folder(args.out), [step.line for task in steps for step in steps[task]])


def trained(root: Path, task: str, seed: int, given: Sequence[Path], step: int) -> Trained:
    model = given[seed] if seed < len(given) else root / task / f"s{seed}" / "checkpoints" / f"step_{step}"
    end = model.with_name("last") if task == "sudoku" and not given else None
    return Trained(task=task, seed=seed, model=model, end=end, root=root)


def plan(
    root: Path, task: str, everyone: Sequence[Trained], seeds: Sequence[int], size: Size, *, train: bool
) -> Iterator[Step]:
    """The command lines of one task. All models come before what is measured of any: an ensemble needs the others."""
    preset, puzzles = TASKS[task]
    data, cpu = root / task / "data", ("--device", "cpu")
    if size is TINY:
        puzzles = ("--size", "4", "--clues", "8") if task == "sudoku" else ("--size", "5", "--loops", "0")
    if train:
        yield Step(title=f"{task}: puzzles", makes=data, seconds=10,
                   argv=("data", task, "--source", "generate", *puzzles, *size.data, "--seed", "0",
                         "--out", str(data)))  # fmt: skip
        for one in everyone:
            folder = root / task / f"s{one.seed}"
            yield Step(title=f"{task}: training, seed {one.seed}", makes=one.model, seconds=MINUTES["train"] * 60,
                       argv=("train", str(data), "--preset", preset, "--seed", str(one.seed), *cpu,
                             "--out", str(folder), *size.train))  # fmt: skip
    for one in everyone:
        if one.seed not in seeds:
            continue
        others = [str(other.model) for other in everyone if other.seed != one.seed]
        n = ("--n", str(size.puzzles))
        runs = {
            "all": (*n, "--budget", str(size.budget), "--members", *others),
            "map": ("--n", str(size.mapped_puzzles), "--budget", str(size.mapped), "--depth", str(size.mapped),
                    "--methods", *MAPPED),
            "noise": ("--n", str(size.mapped_puzzles), "--budget", str(size.noisy), "--methods", *NOISES),
            "end": ("--n", str(size.ending_puzzles), "--budget", str(size.ending), "--depth", "2", "--methods", *ENDING,
                    "--resample-below", "1.0"),
        }  # fmt: skip
        if one.end is None:
            del runs["end"]
        fate = one.fates
        yield Step(title=f"{task}: fates, seed {one.seed}", makes=fate, seconds=MINUTES["fate"] * 60,
                   argv=("fate", str(one.model), *n, "--horizon", str(size.horizon), "--multipliers", "0", *cpu,
                         "--out", str(fate)))  # fmt: skip
        for name, more in runs.items():
            file, model = one.file(name), one.end if name == "end" else one.model
            joined = () if name == "end" else ("--fate", str(fate))
            yield Step(title=f"{task}: {name}, seed {one.seed}", makes=file, seconds=MINUTES[name] * 60,
                       argv=("scale", str(model), *cpu, "--out", str(file), *more))  # fmt: skip
            yield Step(title=f"{task}: {name} analysed, seed {one.seed}", makes=one.analysis(name), seconds=60,
                       argv=("analyze-scale", str(file), *joined, "--no-figures", "--replicates",
                             str(REPLICATES), "--out", str(file.parent)))  # fmt: skip


# ---- tables ----------------------------------------------------------------------------------------------------------


def written(models: Sequence[Trained], out: Path, lines: Sequence[str]) -> None:
    """All tables, and the page made of them."""
    everything = [(one, read_json(one.analysis("all"), ScalingRecord)) for one in models]
    maps, noises = ([(one, read_json(one.analysis(name), ScalingRecord)) for one in models]
                    for name in ("map", "noise"))  # fmt: skip
    ended = [one for one in models if one.end is not None]
    curves = table(curve, everything)
    tables = {
        "curves": curves,
        "seeds": curves_over_seeds(curves),
        "areas": table(areas, everything),
        "freed": table(freed, everything),
        "readers": table(readers, everything),
        "placebo": table(placebo, [(one,) for one in models]),
        "map": table(depths, maps),
        "noise": table(strengths, noises),
        "heads": table(head_of, [*((one, "all") for one in models), *((one, "end") for one in ended)]),
        "end": table(at_the_end, [(one, read_json(one.analysis("end"), ScalingRecord)) for one in ended]),
    }
    assert tuple(tables) == TABLES
    for name, rows in tables.items():
        if len(rows):
            write_frame(out / f"{name}.csv", rows)
    facts = [
        {"task": one.task, "seed": one.seed, "n": record.n, "segments": record.segments,
         "evaluations": record.evaluations, **bounds("plain", record.plain)}
        for one, record in everything
    ]  # fmt: skip
    write_json(out / "scaling.json", {"models": facts, "lines": list(lines), "meta": provenance()})
    drawn(models, out / "figures")
    write_text(out / "README.md", page(out))


def drawn(models: Sequence[Trained], out: Path) -> None:
    """The figures of the first seed of each task: accuracy against compute, freed fates, depth x breadth."""
    for one in models:
        if one.seed == models[0].seed:
            for name, kinds in FIGURES.items():
                with TemporaryDirectory() as folder:
                    source = one.analysis(name).with_suffix(".csv")
                    plot("scaling", source, out=folder)
                    for path in (path for kind in kinds for path in Path(folder).glob(f"*_{kind}.*")):
                        if path.suffix != ".pdf":
                            shutil.copy(path, make_folder(out) / path.name)


def table(kind: Callable[..., Iterator[dict[str, Any]]], about: Iterable[tuple[Any, ...]]) -> pl.DataFrame:
    return pl.DataFrame([row for one in about for row in kind(*one)], infer_schema_length=None)


def whose(one: Trained) -> dict[str, Any]:
    return {"task": one.task, "seed": one.seed}


def curve(one: Trained, record: ScalingRecord) -> Iterator[dict[str, Any]]:
    """Every method by the reader of its own source, along the axis."""
    for row in record.rows:
        if row.primary and row.on_curve:
            yield {**whose(one), **row.model_dump(exclude={"primary", "on_curve"})}


def curves_over_seeds(curves: pl.DataFrame) -> pl.DataFrame:
    """Accuracy and gain over `longer`, their means over seeds with Student's t, and in how many Holm's p is small."""
    keys, small = ("task", "method", "reader", "budget"), pl.col("over_longer_p_holm") < LEVEL
    counted = curves.group_by(keys, maintain_order=True).agg(
        better=(small & (pl.col("over_longer") > 0)).sum(), worse=(small & (pl.col("over_longer") < 0)).sum()
    )
    return over_seeds(curves, keys, {"right": True, "over_longer": False}).join(counted, on=keys, maintain_order="left")


def areas(one: Trained, record: ScalingRecord) -> Iterator[dict[str, Any]]:
    for row in record.areas:
        yield {**whose(one), "method": row.method, "budget": row.budget, **bounds("area", row.area),
               **bounds("over_longer", row.over_longer), "break_even": row.break_even}  # fmt: skip


def freed(one: Trained, record: ScalingRecord) -> Iterator[dict[str, Any]]:
    for row in record.freed:
        yield {**whose(one), "method": row.method, "fate": row.fate, "budget": row.budget, "n": row.freed.n,
               **bounds("freed", row.freed)}  # fmt: skip


def readers(one: Trained, record: ScalingRecord) -> Iterator[dict[str, Any]]:
    """Every reader at each method's largest compute."""
    for area in record.areas:
        mine = [row for row in record.rows if row.method == area.method and row.on_curve]
        most = max(row.budget for row in mine)
        for row in mine:
            if row.budget == most:
                yield {**whose(one), "method": row.method, "reader": row.reader, "primary": row.primary,
                       "budget": row.budget, "right": row.right, "right_low": row.right_low,
                       "right_high": row.right_high}  # fmt: skip


def depths(one: Trained, record: ScalingRecord) -> Iterator[dict[str, Any]]:
    for row in record.rows:
        if row.primary and row.method in MAPPED:
            yield {**whose(one), "n": row.n, "method": row.method, "breadth": row.breadth, "depth": row.depth,
                   "right": row.right, "right_low": row.right_low, "right_high": row.right_high}  # fmt: skip


def strengths(one: Trained, record: ScalingRecord) -> Iterator[dict[str, Any]]:
    """Other strengths of the noise at their largest compute: by the method's own reader, by who knows the answer."""
    most = max(row.budget for row in record.rows)
    kept = ("method", "reader", "budget", "n", "right", "right_low", "right_high",
            "over_longer", "over_longer_low", "over_longer_high")  # fmt: skip
    for row in record.rows:
        if row.on_curve and row.budget == most and (row.primary or row.reader == "oracle"):
            yield {**whose(one), **row.model_dump(include=set(kept))}


def head_of(one: Trained, run: str) -> Iterator[dict[str, Any]]:
    """What the halt head knows of the plain rollout and among random starts of one puzzle; what smc makes of it."""
    found = grid(read_npz(one.file(run), SCALE))
    plain = found.at(PLAIN, Point(1, 1))
    agrees = (plain.q_halt[:, 0, -1] > 0) == plain.right[:, 0, -1]
    areas, shares = [], []
    if "random-start" in found.methods:
        many = found.at("random-start", max(found.curve("random-start")))
        areas = [auc(*pair) for pair in zip(many.q_halt[:, :, -1], many.right[:, :, -1])]
    if "smc" in found.methods:
        shares = [effective(found.at("smc", point).q_halt) for point in found.curve("smc") if point.breadth > 1]
    known = [area for area in areas if np.isfinite(area)]
    yield {**whose(one), "at": "the end" if run == "end" else "step 500", "n": found.n,
           **bounds("agrees", rate(int(agrees.sum()), found.n)), "positive": float((plain.q_halt[:, 0, -1] > 0).mean()),
           "mixed": len(known), "auc": float(np.mean(known)) if known else None,
           "effective": min(shares, default=None)}  # fmt: skip


def effective(q_halt: np.ndarray) -> float:
    """The smallest share of K particles that an effective sample holds (N,K,T), as long as none was resampled."""
    weights = 1 / (1 + np.exp(-q_halt.astype(np.float64)))
    return float((weights.sum(1) ** 2 / np.square(weights).sum(1) / weights.shape[1]).min())


def at_the_end(one: Trained, record: ScalingRecord) -> Iterator[dict[str, Any]]:
    """All ways to spend the largest compute at the end of training, by three readers and by who knows the answer."""
    most = max(row.budget for row in record.rows)
    kept = ("method", "reader", "primary", "breadth", "depth", "budget", "n", "right", "right_low", "right_high",
            "over_longer", "over_longer_low", "over_longer_high", "over_longer_p")  # fmt: skip
    for row in record.rows:
        plain = row.method == PLAIN and row.reader == "q_halt"
        if plain or (row.method != PLAIN and row.budget == most and (row.primary or row.reader in CHOOSING)):
            yield {**whose(one), **row.model_dump(include=set(kept))}


def placebo(one: Trained) -> Iterator[dict[str, Any]]:
    """What is left where nothing is known of the particles: against `longer` at the same compute, as the methods."""
    found = grid(read_npz(one.file("all"), SCALE))
    rows = []
    for method in found.methods:
        for point in found.curve(method):
            if method in found.singles or point.breadth == 1 or point.budget not in compared(found):
                continue
            than = found.at(PLAIN, Point(1, point.budget)).right[:, 0, -1]
            rng = generator(0, "placebo", one.task, one.seed, method, point.breadth)
            for name, right in unknowing(found.at(method, point), found.reader(method), rng).items():
                rows.append({**whose(one), "method": method, "placebo": name, "budget": point.budget,
                             **bounds("right", mean(right, rng, REPLICATES)),
                             **bounds("over_longer", gain(right, than, rng, REPLICATES)),
                             "over_longer_p": flip_test(right, than, rng)})  # fmt: skip
    for name in ("random", "shuffled"):
        mine = [row for row in rows if row["placebo"] == name]
        for row, p in zip(mine, holm([row["over_longer_p"] for row in mine])):
            yield {**row, "over_longer_p_holm": p}


def compared(found: Grid) -> set[int]:
    return {point.budget for point in found.curve(PLAIN)}


def unknowing(particles: Particles, reader: str, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Chance of a right answer (N,): of a particle at random; by the reader, whose scores have changed places."""
    order = rng.permuted(np.tile(np.arange(particles.breadth), (len(particles.right), 1)), axis=1)
    shuffled = replace(
        particles,
        q_halt=np.take_along_axis(particles.q_halt, order[:, :, None], 1),
        residual=np.take_along_axis(particles.residual, order, 1),
        return_distance=np.take_along_axis(particles.return_distance, order, 1),
    )
    if reader == "majority":  # a vote asks for no score: its placebo is the particle at random
        return {"random": READERS["random"](particles)[0]}
    return {"random": READERS["random"](particles)[0], "shuffled": READERS[reader](shuffled)[0]}


# ---- the page --------------------------------------------------------------------------------------------------------


def page(folder: Path) -> str:
    """README.md from the files beside it, and from nothing else."""
    tables = read(folder)
    facts = read_json(folder / "scaling.json")
    lines = [
        "# Inference compute of small trained models", "",
        "Written by `python scripts/scaling_study.py`, from the files beside it. What the methods, readers and the axis"
        " are stands in [inference compute](../scaling.md), and what follows from the tables. The models are those of "
        "step 500 of 800, whose halt heads know little yet. Brackets: 95% intervals.",
    ]  # fmt: skip
    for task in dict.fromkeys(tables["curves"]["task"]):
        mine = {name: table.filter(task=task) for name, table in tables.items()}
        models = [model for model in facts["models"] if model["task"] == task]
        lines += ["", f"## {task.capitalize()}", "", *head(models, mine)]
        for kind, words in DRAWN.items():
            name = f"figures/scaling_{task}_s0_{kind}.png"
            if (folder / name).is_file():
                lines += ["", f"![{task}, seed 0: {words}]({name})"]
        for title, words, table in parts(mine):
            lines += ["", f"### {title}, {task}", "", words, "", *table]
    lines += ["", "## Command lines", "", *(f"    {line}" for line in facts["lines"])]
    return "\n".join(lines) + "\n"


def read(folder: Path) -> dict[str, pl.DataFrame]:
    """The tables of a folder."""
    return {name: read_table(path) for name in TABLES if (path := folder / f"{name}.csv").is_file()}


def head(models: Sequence[dict[str, Any]], mine: dict[str, pl.DataFrame]) -> list[str]:
    plain = ", ".join(f"{told(model, 'plain')} (seed {model['seed']})" for model in models)
    tested = mine["curves"].filter(pl.col("over_longer_p_holm").is_not_null())
    small = tested.filter(pl.col("over_longer_p_holm") < LEVEL)
    better, worse = (int((small["over_longer"] * sign > 0).sum()) for sign in (1, -1))
    surely = mine["seeds"].filter(pl.col("over_longer_low") > 0)
    named = ", ".join(f"{row['method']} at {row['budget']}x" for row in surely.to_dicts()) or "none"
    counts = []
    for name in ("random", "shuffled"):
        other = mine["placebo"].filter(pl.col("placebo") == name)
        beyond = other.filter((pl.col("over_longer_p_holm") < LEVEL) & (pl.col("over_longer") > 0))
        counts.append(f"{len(beyond)} of {len(other)} ({name})")
    return [
        f"{models[0]['n']} test puzzles a seed; 1x is {models[0]['segments']} segments, {models[0]['evaluations']} "
        f"sub-updates. Right by the plain rollout at 1x: {plain}.", "",
        f"Of {len(tested)} comparisons with `longer` at the same compute (methods x budgets x seeds), {better} are "
        f"better and {worse} worse with p < {LEVEL:g} after Holm within their seed. The placebos: better in "
        f"{' and '.join(counts)}. The t-interval over seeds, not corrected, lies above 0 for: {named}.",
    ]  # fmt: skip


def parts(mine: dict[str, pl.DataFrame]) -> Iterator[tuple[str, str, list[str]]]:
    curves, seeds = mine["curves"], mine["seeds"]
    methods, budgets = list(dict.fromkeys(curves["method"])), sorted(set(curves["budget"]))
    everyone = sorted(set(curves["seed"]))
    wide = ["method (reader)", "seed", *(f"{budget}x" for budget in budgets)]
    rows = []
    for method in methods:
        for seed in everyone:
            some = {row["budget"]: row for row in curves.filter(method=method, seed=seed).to_dicts()}
            name = f"{method} ({next(iter(some.values()))['reader']})"
            rows.append([name, str(seed), *(told(some.get(budget), "right") for budget in budgets)])
    yield "Accuracy", "By the reader of each method's own source.", pipe(wide, rows)
    some = {(row["method"], row["budget"]): row for row in seeds.to_dicts()}
    rows = [[method, *(told(some.get((method, budget)), "right") for budget in budgets)] for method in methods]
    yield ("Accuracy over seeds", "The mean of the seeds, with Student's t on the logit scale.",
           pipe(["method", *wide[2:]], rows))  # fmt: skip
    rows = []
    for row in seeds.filter((pl.col("method") != PLAIN) & pl.col("over_longer").is_not_null()).to_dicts():
        own = {one["seed"]: one for one in curves.filter(method=row["method"], budget=row["budget"]).to_dicts()}
        cells = [f"{told(own[seed], 'over_longer', sign=True)}, {small(own[seed]['over_longer_p_holm'])}"
                 if seed in own else "-" for seed in everyone]  # fmt: skip
        rows.append([row["method"], f"{row['budget']}x", *cells, told(row, "over_longer", sign=True)])
    yield ("Gain over the longer rollout at the same compute",
           "Paired, and after the comma p after Holm over the methods and budgets of a seed; last the mean over seeds "
           "with Student's t. The ensembles of all seeds are of the same models.",
           pipe(["method", "compute", *(f"seed {seed}" for seed in everyone), "mean over seeds"], rows))  # fmt: skip
    rows = []
    for method in methods:
        own = {row["seed"]: row for row in mine["areas"].filter(method=method).to_dicts()}
        known = [row["break_even"] for row in own.values()]
        rows.append([method, *(told(own.get(seed), "over_longer", sign=True) for seed in everyone),
                     ", ".join("none" if value is None else f"{value}x" for value in known)])  # fmt: skip
    yield ("Over the whole axis",
           "Gain over `longer`, averaged over the logarithm of compute; and the least compute at which the interval of "
           "the gain lies above 0 (break-even), seed by seed, not corrected.",
           pipe(["method", *(f"seed {seed}" for seed in everyone), "break-even"], rows))  # fmt: skip
    rows = []
    for method, words in REPORTED.items():
        own = seeds.filter(method=method).sort("budget").to_dicts()
        if own:
            rows.append([method, words, told(own[0], "right"), f"{own[-1]['budget']}x", told(own[-1], "right"),
                         told(own[-1], "over_longer", sign=True)])  # fmt: skip
    yield ("Beside what the papers report",
           "Theirs: full-size models on Sudoku-Extreme, each at a compute of its own. Here: over seeds.",
           pipe(["method", "reported", "here at 1x", "most", "here there", "over longer there"], rows))  # fmt: skip
    own = mine["freed"]
    kinds = sorted(set(own["fate"]), key=lambda kind: (kind == RIGHT, kind))
    rows = []
    for method in methods:
        for seed in everyone:
            found = {row["fate"]: row for row in own.filter(method=method, seed=seed).to_dicts()}
            cells = [f"{told(found[kind], 'freed')} of {found[kind]['n']}" if kind in found else "-" for kind in kinds]
            rows.append([method, str(seed), *cells])
    yield ("Freed fates",
           "By the fate of the plain trajectory: what each method has right at its largest compute, of so many.",
           pipe(["method", "seed", *kinds], rows))  # fmt: skip
    found = mine["readers"]
    rows = [[name, *(average(found.filter(method=method, reader=name)["right"]) for method in methods)]
            for name in MEANING if name in set(found["reader"])]  # fmt: skip
    yield ("Readers", "At each method's largest compute, the mean over seeds; exploration, not corrected.",
           pipe(["reader", *methods], rows))  # fmt: skip
    rows = []
    for row in mine["placebo"].group_by("method", "placebo", "budget", maintain_order=True).agg(
        pl.col("right").mean(), pl.col("over_longer")).sort("placebo", "method", "budget").to_dicts():  # fmt: skip
        over = mean_over_seeds(np.array(row["over_longer"]))
        rows.append([row["placebo"], row["method"], f"{row['budget']}x", f"{row['right']:.3f}", over.told(sign=True)])
    yield ("Placebos", "Mean over seeds: right, and gain over `longer` with Student's t.",
           pipe(["placebo", "method", "compute", "right", "over longer"], rows))  # fmt: skip
    rows = []
    for (name, reader), own in mine["noise"].group_by("method", "reader", maintain_order=True):
        over = "-" if name == PLAIN else mean_over_seeds(np.array(own["over_longer"].drop_nulls())).told(sign=True)
        rows.append([name, reader, f"{own['budget'][0]}x", average(own["right"]), over])
    few = mine["noise"]["n"][0]
    yield ("Other strengths of the noise",
           f"{few} puzzles a seed; mean over seeds, and gain over `longer` with Student's t; `oracle` takes a right "
           "particle wherever there is one. Exploration, not corrected.",
           pipe(["method", "reader", "compute", "right", "over longer"], rows))  # fmt: skip
    rows = [[str(row["seed"]), row["at"], told(row, "agrees"), f"{row['positive']:.3f}",
             "-" if row["auc"] is None else f"{row['auc']:.3f} ({row['mixed']} puzzles)",
             "-" if row["effective"] is None else f"{row['effective']:.2f}"]
            for row in mine["heads"].sort("at", "seed").to_dicts()]  # fmt: skip
    yield ("The halt head",
           "Puzzles of whose plain rollout the sign of q_halt agrees with whether the answer is right; those whose "
           "q_halt is above 0; the AUC of q_halt among random starts of one puzzle, where some are right and some are "
           "wrong; and the smallest share of the particles that an effective sample of smc holds: by default it "
           "resamples below .5.",
           pipe(["seed", "at", "q_halt agrees", "above 0", "AUC in a puzzle", "effective share"], rows))  # fmt: skip
    if "end" in mine and len(mine["end"]):
        yield from ending(mine["end"], everyone)
    chart = mine["map"]
    across = sorted(set(chart["breadth"]))
    rows = []
    for method in dict.fromkeys(chart["method"]):
        for depth in sorted(set(chart.filter(method=method)["depth"])):
            own = [chart.filter(method=method, depth=depth, breadth=breadth)["right"] for breadth in across]
            rows.append([method, f"{depth}x", *map(average, own)])
    yield ("Depth x breadth",
           f"{chart['n'][0]} puzzles a seed; mean over seeds; a cell costs its breadth times its depth.",
           pipe(["method", "depth", *(f"{breadth} particles" for breadth in across)], rows))  # fmt: skip


def ending(end: pl.DataFrame, everyone: Sequence[int]) -> Iterator[tuple[str, str, list[str]]]:
    rows = []
    for key, own in end.group_by("method", "reader", "breadth", "depth", maintain_order=True):
        here = {row["seed"]: row for row in own.to_dicts()}
        gains = own["over_longer"].drop_nulls().to_numpy()
        over = mean_over_seeds(gains).told(sign=True) if len(gains) else "-"
        rows.append([str(key[0]), str(key[1]), f"{key[2]} x {key[3]}",
                     *(told(here.get(seed), "right") for seed in everyone), over])  # fmt: skip
    yield ("At the end of training",
           f"{end['n'][0]} test puzzles a seed; particles x depth; the gain over `longer` at the same compute is the "
           "mean over seeds with Student's t. smc resamples at every segment. Exploration, not corrected.",
           pipe(["method", "reader", "spent", *(f"seed {one}" for one in everyone), "over longer"], rows))  # fmt: skip


def small(p: float | None) -> str:
    return "-" if p is None else f"{p:.2g}"


def average(values: pl.Series) -> str:
    return "-" if len(values) == 0 else f"{values.mean():.3f}"


MINUTES = {"train": 5.5, "fate": 1.0, "all": 20.0, "map": 1.7, "noise": 2.0, "end": 9.0}
"""Of processor time, a seed: for what is told to be left."""

if __name__ == "__main__":
    main()
