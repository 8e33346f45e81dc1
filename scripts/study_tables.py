"""The tables of the reference study, from what `scripts/reference_study.sh` measured.

    python scripts/study_tables.py runs/study-cpu --out docs/study     # what is there; what is missing is listed

Writes a csv file a table, `study.json` (what was not reached) and, between two marks of README.md in that folder, the
tables of the page: every number of theirs is one of these files. Words around them are written by hand.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from rrdyn.analysis.fates import read_fates
from rrdyn.analysis.intervals import mean, mean_difference, rate
from rrdyn.analysis.survival import read_rollout
from rrdyn.artifacts.evaluation import EvaluationRecord
from rrdyn.artifacts.files import make_folder, write_json, write_text
from rrdyn.artifacts.frame import write_frame
from rrdyn.artifacts.npz import Artifact, read_npz
from rrdyn.artifacts.provenance import provenance
from rrdyn.artifacts.reading import read_json, read_yaml
from rrdyn.artifacts.results import ResultsRecord
from rrdyn.artifacts.scaling import ScalingRecord
from rrdyn.artifacts.schemas import DIAG, PERTURB
from rrdyn.artifacts.selection import SelectionRecord
from rrdyn.dynamics import FATES
from rrdyn.measurement import open_subject
from rrdyn.models.work import segment_work, training_passes
from rrdyn.runtime.streams import generator
from rrdyn.studies.seed_tables import ENDS, bounds, over_seeds, pipe, read_table, told

TASKS, FAMILIES, SEEDS = ("sudoku", "maze"), ("trm", "att", "hrm", "srm"), (0, 1, 2)
ARMS = ("none-fixed", "multi4", "single", "wta4", "curriculum", "flossing", "radius")
RECIPES = ("base", "raw", "data", "cycles", "layers", "width", "budget", "length")
REAL = ("extreme", "hard")
MOVING, UNDECIDED = ("quasiperiodic", "chaotic", "diverged"), ("slow", "marginal")
MAY = {True: "no", False: "yes", None: "-"}
BEGIN, END = "<!-- tables: begin -->", "<!-- tables: end -->"
MEANS = {
    "models": {"right": True, "right_first": True, "token_acc": True},
    "spectra": {"lambda_1": False, "auc_lambda_1": True, "auc_drift": True, "auc_q_halt": True, "increment": False},
    "arms": {"right": True, "right_change": False, "lambda_1": False, "lambda_1_change": False},
    "recipes": {"right": True, "moving": True, "moving_change": False, "undecided": True},
}
"""What is averaged over seeds; True: a share."""
WITHIN = {"recipes": ("stage",)}
"""What else, beside task and model, is the same in what is averaged."""


@dataclass(frozen=True, kw_only=True)
class Trained:
    """One model of the study, or one arm of one."""

    task: str
    model: str
    seed: int
    folder: Path

    @property
    def names(self) -> dict[str, Any]:
        return {"task": self.task, "model": self.model, "seed": self.seed}

    def file(self, name: str) -> Path:
        return self.folder / name


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    out = make_folder(args.out)
    missing: list[str] = []
    tables = {name: table(args.study, name, missing) for name in KINDS}
    tables = {name: found for name, found in tables.items() if len(found)}
    for name in KINDS:
        for path in (out / f"{name}.csv", out / f"{name}_seeds.csv"):
            path.unlink(missing_ok=True)
    for name, found in tables.items():
        write_frame(out / f"{name}.csv", found)
        if name in MEANS:
            same = ("task", "model", *WITHIN.get(name, ()))
            write_frame(out / f"{name}_seeds.csv", over_seeds(found, same, MEANS[name]))
    write_json(out / "study.json", {"not_reached": missing, "meta": provenance()})
    page = out / "README.md"
    written = page.read_text() if page.is_file() else f"# The reference study\n\n{BEGIN}\n{END}\n"
    write_text(page, filled(written, out))


def filled(page: str, folder: Path) -> str:
    """A page with the tables of a folder between its marks."""
    before, _, rest = page.partition(BEGIN)
    after = rest.partition(END)[2]
    return f"{before}{BEGIN}\n\n{chr(10).join(parts(folder))}\n{END}{after}"


# ---- rows ------------------------------------------------------------------------------------------------------------


def trained(study: Path) -> Iterator[Trained]:
    for task in TASKS:
        for model in FAMILIES:
            for seed in SEEDS:
                yield Trained(task=task, model=model, seed=seed, folder=study / task / f"{model}_s{seed}")


def families(*wanted: str) -> Callable[[Path], Iterator[Trained]]:
    return lambda study: (one for one in trained(study) if one.model in wanted)


def arms(study: Path) -> Iterator[Trained]:
    for arm in ARMS:
        for seed in SEEDS:
            yield Trained(task="sudoku", model=arm, seed=seed, folder=study / "arms" / arm / f"s{seed}")


def table(study: Path, name: str, missing: list[str]) -> pl.DataFrame:
    """All rows of a kind; what is not there is added to `missing`."""
    kind = KINDS[name]
    rows: list[dict[str, Any]] = []
    for one in kind.of(study):
        if one.file(kind.needs).exists():
            rows += [{**one.names, **row} for row in kind.rows(one)]
        else:
            missing.append(f"{name}: {one.task} {one.model}, seed {one.seed}")
    return pl.DataFrame(rows, infer_schema_length=None)


def models(one: Trained) -> Iterator[dict[str, Any]]:
    """What a model is, and how often it is right at its own budget."""
    found = read_json(one.file("evaluation.json"), EvaluationRecord)
    subject = open_subject(one.file("checkpoints/last"))
    work, model = segment_work(subject.model), subject.model
    steps = read_json(one.file("checkpoints/last") / "meta.json")["step"]
    batch = read_yaml(one.file("config.yaml"))["global_batch"]
    passes = training_passes(model.has_continue, model.gradient_span / work.sub_updates)
    own = found.segments[model.budget - 1]
    yield {
        "steps": steps, "parameters": sum(part.numel() for part in model.parameters()), "segments": model.budget,
        "sub_updates": work.sub_updates, "operations": work.operations,
        "training_operations": steps * batch * work.operations * passes, "n": own.exact.n, **bounds("right", own.exact),
        **bounds("right_first", found.segments[0].exact), **bounds("token_acc", own.token_acc),
    }  # fmt: skip


def fates(one: Trained) -> Iterator[dict[str, Any]]:
    """Of the right and of the wrong at the budget: what became of them, and how stable what settled is."""
    yield from ends(read_fates(one.file("fate.npz")))


def failures(one: Trained) -> Iterator[dict[str, Any]]:
    """What became of every test puzzle, of the right and of the wrong at the budget."""
    yield from ends(read_fates(one.file("failures.npz")))


def ends(found: Artifact) -> Iterator[dict[str, Any]]:
    right = found["right_budget"].astype(bool)
    for word, here in (("right", right), ("wrong", ~right)):
        yield {"at_budget": word, "n": int(here.sum()), **counts(found, here),
               "right_end": int(found["right_end"][here].sum()), **stability(found, here)}  # fmt: skip


def counts(found: Artifact, here: np.ndarray | slice = slice(None)) -> dict[str, int]:
    """How many of some puzzles have each fate."""
    return {name: int((found["fate"][here] == code).sum()) for code, name in enumerate(found.meta["fates"])}


def stability(found: Artifact, here: np.ndarray | slice = slice(None)) -> dict[str, float | None]:
    """Of how many puzzles multipliers were refined, and the median size of the leading one, a segment."""
    if "multiplier_re" not in found:
        return {"refined": 0, "multiplier": None}
    sizes = np.hypot(found["multiplier_re"][here, 0], found["multiplier_im"][here, 0])  # over one period
    known = sizes[np.isfinite(sizes)] ** (1 / np.maximum(found["period"][here][np.isfinite(sizes)], 1))
    return {"refined": len(known), "multiplier": float(np.median(known)) if len(known) else None}


def spectra(one: Trained) -> Iterator[dict[str, Any]]:
    """lambda_1, what tells right from wrong, and what lambda_1 adds to the rest, with a placebo."""
    found = read_json(one.file("analysis/results_diag.json"), ResultsRecord)
    diag = read_npz(one.file("diag.npz"), DIAG)
    rng = generator(0, "study", one.task, one.model, one.seed)
    threshold, more = found.threshold, found.increment
    gain, placebo = (more.added.get(name) if more else None for name in ("lambda_1", more.placebo if more else ""))
    yield {
        "n": found.n, "one_mode": threshold.one_mode if threshold else None,
        "separability": threshold.eta if threshold else None,
        **{name[:1]: found.cells[name].n for name in found.cells},
        **bounds("lambda_1", mean(diag["lyap_spec"][:, 0], rng)),
        **bounds("auc_lambda_1", found.interval("auc.neg_lam1_predicts_correct_overall")),
        **bounds("auc_drift", found.interval("auc.neg_logdrift_predicts_correct")),
        **bounds("auc_q_halt", found.interval("auc.q_halt_predicts_correct")),
        "increment": gain.smooth.delta_auc if gain else None, "increment_low": gain.smooth.low if gain else None,
        "increment_high": gain.smooth.high if gain else None, "increment_p": gain.smooth.p if gain else None,
        "detectable": gain.detectable if gain else None, "independence_p": gain.independence.p if gain else None,
        "placebo": placebo.smooth.delta_auc if placebo else None,
    }  # fmt: skip


def survival(one: Trained) -> Iterator[dict[str, Any]]:
    """Of the failures, which are right at some later segment, far past the budget."""
    rollout = read_rollout(one.file("rollout.npz"))
    _, came = rollout.escapes()
    yield {"n": len(rollout.exact), "readout": rollout.readout, "horizon": rollout.horizon, "failures": len(came),
           **bounds("escaped", rate(int(came.sum()), len(came)))}  # fmt: skip


def starts(one: Trained) -> Iterator[dict[str, Any]]:
    """Restarts from starts that move the answers equally: failures that one of several is right about."""
    found = read_json(one.file("select/select_perturb.json"), SelectionRecord)
    star = read_npz(one.file("perturb.npz"), PERTURB).meta["sigma_star"]
    row = next((row for row in found.basin if star is not None and np.isclose(row["sigma"] or 0, star)), {})
    yield {"sigma_star": star, "failures": row.get("n"), "restarts": found.K,
           **{f"best{end}": row.get(f"best_readout{end}") for end in ENDS}}  # fmt: skip


def compute(one: Trained) -> Iterator[dict[str, Any]]:
    """Ways of spending compute, at the largest that was measured."""
    found = read_json(one.file("scaling/scaling_scale.json"), ScalingRecord)
    rows = [row for row in found.rows if row.primary and row.on_curve]
    most = max(row.budget for row in rows)
    for row in rows:
        if row.budget in (1, most):
            yield {"n": found.n, "method": row.method, "reader": row.reader, "budget": row.budget, "right": row.right,
                   "right_low": row.right_low, "right_high": row.right_high}  # fmt: skip


def training(one: Trained) -> Iterator[dict[str, Any]]:
    """A row a checkpoint."""
    for row in read_table(one.file("evolution/evolution_training.csv")).to_dicts():
        names = ("acc", "acc_low", "acc_high", "settled", "l1_correct", "l1_wrong", "auc", "eta")
        known = {name: float(row[name]) for name in names if row[name] is not None}
        yield {"step": row["step"], **{name: known[name] if np.isfinite(known.get(name, np.nan)) else None
                                       for name in names}}  # fmt: skip


def changed(one: Trained) -> Iterator[dict[str, Any]]:
    """An arm beside none-fixed of its seed, puzzle by puzzle."""
    base = one.folder.parents[1] / "none-fixed" / one.folder.name
    if not (base / "diag/diag.npz").exists():
        return
    mine, others = (read_npz(folder / "diag/diag.npz", DIAG) for folder in (one.folder, base))
    assert np.array_equal(mine["idx"], others["idx"]), one.folder
    rng = generator(0, "study arms", one.model, one.seed)
    right, than = (side["exact_correct"].astype(float) for side in (mine, others))
    yield {
        "n": len(right), **bounds("right", rate(int(right.sum()), len(right))),
        **bounds("right_change", mean_difference(right, than, rng)),
        **bounds("lambda_1", mean(mine["lyap_spec"][:, 0], rng)),
        **bounds("lambda_1_change", mean_difference(mine["lyap_spec"][:, 0], others["lyap_spec"][:, 0], rng)),
        **counts(read_fates(one.file("fate.npz"))),
    }  # fmt: skip


def recipes(study: Path) -> Iterator[Trained]:
    for name in RECIPES:
        for seed in SEEDS:
            yield Trained(task="sudoku", model=name, seed=seed, folder=study / "recipes" / name / f"s{seed}")


def recipe_fates(one: Trained) -> Iterator[dict[str, Any]]:
    """What became of the same puzzles at three checkpoints, and how many more move than of the base there."""
    base = dict(enumerate(over_steps(one.folder.parents[1] / "base" / one.folder.name / "fates")))
    for stage, (step, found) in enumerate(over_steps(one.file("fates"))):
        than = base.get(stage)
        right, moving = int(found["right_budget"].sum()), are(found, MOVING)
        yield {"stage": stage, "step": step, "n": len(moving), **bounds("right", rate(right, len(moving))),
               **bounds("moving", rate(int(moving.sum()), len(moving))),
               "moving_change": None if than is None else float(moving.mean() - are(than[1], MOVING).mean()),
               **bounds("undecided", rate(int(are(found, UNDECIDED).sum()), len(moving))),
               **counts(found), **stability(found)}  # fmt: skip


def over_steps(folder: Path) -> list[tuple[int, Artifact]]:
    """Fates at the checkpoints of a folder, the first step first."""
    paths = {int(path.stem.split("_")[-1]): path for path in folder.glob("fate_step_*.npz") if "." not in path.stem}
    return [(step, read_fates(paths[step])) for step in sorted(paths)]


def are(found: Artifact, names: Sequence[str]) -> np.ndarray:
    """(n,) whether a puzzle has one of these fates."""
    return np.isin(found["fate"], [code for code, name in enumerate(found.meta["fates"]) if name in names])


def real(study: Path) -> Iterator[Trained]:
    others = {path.parent.name for path in (study / "real").glob("*/fate.npz")}.difference(REAL)
    for name in (*REAL, *sorted(others)):
        yield Trained(task=name, model="trm", seed=0, folder=study / "real" / name)


def real_fates(one: Trained) -> Iterator[dict[str, Any]]:
    """Real puzzles, and other people's models: right at the budget, and what becomes of some."""
    found = read_fates(one.file("fate.npz"))
    right, path = found["right_budget"].astype(bool), one.file("evaluation.json")
    own = read_json(path, EvaluationRecord).segments[found.meta["budget"] - 1] if path.is_file() else None
    exact = own.exact if own else rate(int(right.sum()), len(right))
    yield {"n": exact.n, **bounds("right", exact), **bounds("token_acc", own.token_acc if own else None),
           "followed": len(right), **counts(found), "right_end": int(found["right_end"].sum())}  # fmt: skip


@dataclass(frozen=True)
class Kind:
    """A table: whose rows, from which file, how a model's are read."""

    of: Callable[[Path], Iterator[Trained]]
    needs: str
    rows: Callable[[Trained], Iterator[dict[str, Any]]]


KINDS = {
    "models": Kind(trained, "evaluation.json", models),
    "fates": Kind(trained, "fate.npz", fates),
    "failures": Kind(families("trm"), "failures.npz", failures),
    "arms": Kind(arms, "fate.npz", changed),
    "spectra": Kind(trained, "analysis/results_diag.json", spectra),
    "starts": Kind(trained, "select/select_perturb.json", starts),
    "survival": Kind(trained, "rollout.npz", survival),
    "compute": Kind(trained, "scaling/scaling_scale.json", compute),
    "training": Kind(trained, "evolution/evolution_training.csv", training),
    "recipes": Kind(recipes, "fates", recipe_fates),
    "real": Kind(real, "fate.npz", real_fates),
}  # fmt: skip


# ---- the page --------------------------------------------------------------------------------------------------------


def parts(folder: Path) -> Iterator[str]:
    """The tables of the page, from the files of a folder and from nothing else."""
    there = {name: read_table(folder / f"{name}.csv") for name in KINDS if (folder / f"{name}.csv").is_file()}
    means = {name: read_table(folder / f"{name}_seeds.csv") for name in there if name in MEANS}
    for name, lines in PAGES.items():
        if name in there:
            yield from (*lines(there[name], means.get(name)), "")
    missing: Sequence[str] = read_json(folder / "study.json")["not_reached"]
    yield from ("### Not reached", "", *(together(missing) if missing else ["Everything was reached."]))


def together(missing: Sequence[str]) -> Iterator[str]:
    """A line a table: which models, of which seeds."""
    found: dict[str, dict[str, list[str]]] = {}
    for line in missing:
        head, seed = line.split(", seed ")
        name, model = head.split(": ")
        found.setdefault(name, {}).setdefault(model, []).append(seed)
    for name, mine in found.items():
        yield f"- {name}: " + "; ".join(f"{model} ({', '.join(seeds)})" for model, seeds in mine.items())


def by_model(found: pl.DataFrame, means: pl.DataFrame, columns: Mapping[str, str], *, sign: bool = False) -> list[str]:
    """A row a model and quantity: its seeds, then their mean."""
    seeds = sorted(set(found["seed"]))
    rows = []
    for over in means.to_dicts():
        mine = {row["seed"]: row for row in found.filter(task=over["task"], model=over["model"]).to_dicts()}
        for name, words in columns.items():
            cells = [told(mine.get(seed), name, sign=sign) for seed in seeds]
            rows.append([over["task"], over["model"], words, *cells, told(over, name, sign=sign)])
    return pipe(["task", "model", "", *(f"seed {seed}" for seed in seeds), "over seeds"], rows)


def model_part(found: pl.DataFrame, means: pl.DataFrame) -> Iterator[str]:
    rows = [
        [row["task"], row["model"], f"{row['parameters']:,}", f"{row['operations'] / 1e6:.1f}", str(row["sub_updates"]),
         str(row["steps"]), f"{row['training_operations'] / 1e12:.2f}"]
        for row in found.unique(["task", "model"], keep="first", maintain_order=True).to_dicts()
    ]  # fmt: skip
    heads = ["task", "model", "parameters", "Mflop a segment", "sub-updates", "steps", "Tflop of training"]
    yield from ("### Models", "", *pipe(heads, rows), "")
    words = {"right": "right", "right_first": "after segment 1", "token_acc": "cells right"}
    yield from by_model(found, means, words)


def fate_part(found: pl.DataFrame, _: pl.DataFrame) -> Iterator[str]:
    yield from ("### Fates", "", *pipe(*fate_rows(found)))


def failure_part(found: pl.DataFrame, _: pl.DataFrame) -> Iterator[str]:
    heads, rows = fate_rows(found)
    yield from ("### Fates of every test puzzle", "", *pipe(heads[:-1], [row[:-1] for row in rows]))


def fate_rows(found: pl.DataFrame) -> tuple[list[str], list[list[str]]]:
    names = [name for name in FATES if name in found.columns]
    rows = [
        [row["task"], row["model"], str(row["seed"]), row["at_budget"], str(row["n"]),
         *(str(row[name]) for name in names), str(row["right_end"]),
         "-" if row["multiplier"] is None else f"{row['multiplier']:.3f} of {row['refined']}"]
        for row in found.to_dicts()
    ]  # fmt: skip
    heads = ["task", "model", "seed", "at the budget", "n", *names, "right when last followed", "median multiplier"]
    return heads, rows


def spectrum_part(found: pl.DataFrame, means: pl.DataFrame) -> Iterator[str]:
    words = {"lambda_1": "lambda_1", "auc_lambda_1": "AUC of -lambda_1", "auc_drift": "of -late drift",
             "auc_q_halt": "of q_halt", "increment": "lambda_1 adds"}  # fmt: skip
    yield from ("### Exponents, and what tells right from wrong", "", *by_model(found, means, words), "")
    rows = [
        [row["task"], row["model"], str(row["seed"]), MAY[row["one_mode"]], number(row["separability"]),
         *(str(row[cell]) for cell in "ABCD"), number(row["increment_p"]), number(row["placebo"]),
         number(row["detectable"]), number(row["independence_p"])]
        for row in found.to_dicts()
    ]  # fmt: skip
    heads = ["task", "model", "seed", "2x2 may be read", "separability", "A", "B", "C", "D", "p of the increment",
             "placebo adds", "found in 80%", "p of independence"]  # fmt: skip
    yield from pipe(heads, rows)


def survival_part(found: pl.DataFrame, means: pl.DataFrame) -> Iterator[str]:
    rows = [
        [row["task"], row["model"], str(row["seed"]), f"{row['failures']} of {row['n']}", told(row, "escaped")]
        for row in found.to_dicts()
    ]
    until = found["horizon"].max()
    heads = ["task", "model", "seed", "wrong at the budget", f"of them right at any later segment up to {until:,}"]
    yield from ("### Far past the budget", "", *pipe(heads, rows))


def start_part(found: pl.DataFrame, means: pl.DataFrame) -> Iterator[str]:
    rows = [
        [row["task"], row["model"], str(row["seed"]), number(row["sigma_star"]),
         "-" if row["failures"] is None else f"{row['failures']:.0f}", told(row, "best")]
        for row in found.to_dicts()
    ]  # fmt: skip
    yield from (
        "### Starts that move the answers equally",
        "",
        *pipe(["task", "model", "seed", "sigma*", "wrong without noise", "one of the restarts right"], rows),
    )


def compute_part(found: pl.DataFrame, _: pl.DataFrame) -> Iterator[str]:
    rows = []
    for row in found.filter(pl.col("budget") > 1).to_dicts():
        same = {name: row[name] for name in ("task", "model", "seed", "method")}
        first = found.filter(budget=1, **same).to_dicts()
        rows.append([*map(str, same.values()), row["reader"], told(first[0] if first else None, "right"),
                     f"{row['budget']}x", told(row, "right")])  # fmt: skip
    yield from ("### Inference compute", "", *pipe(["task", "model", "seed", "method", "reader", "right at 1x", "most",
                                                    "right there"], rows))  # fmt: skip


def training_part(found: pl.DataFrame, _: pl.DataFrame) -> Iterator[str]:
    rows = [
        [row["task"], row["model"], str(row["seed"]), str(row["step"]), told(row, "acc"), number(row["settled"]),
         number(row["l1_correct"]), number(row["l1_wrong"])]
        for row in found.to_dicts()
    ]  # fmt: skip
    heads = ["task", "model", "seed", "step", "right", "settled", "lambda_1 of right", "of wrong"]
    yield from ("### Over training", "", *pipe(heads, rows))


def arm_part(found: pl.DataFrame, means: pl.DataFrame) -> Iterator[str]:
    yield from ("### Arms beside none-fixed, the same seeds and puzzles", "")
    yield from by_model(found, means, {"right": "right", "lambda_1": "lambda_1"})
    yield ""
    others = means.filter(pl.col("model") != ARMS[0])
    if len(others):
        words = {"right_change": "right, less none-fixed", "lambda_1_change": "lambda_1, less none-fixed"}
        yield from by_model(found, others, words, sign=True)
    names = [name for name in FATES if name in found.columns]
    rows = [[row["model"], str(row["seed"]), *(str(row[name]) for name in names)] for row in found.to_dicts()]
    yield from ("", *pipe(["arm", "seed", *names], rows))


def recipe_part(found: pl.DataFrame, means: pl.DataFrame) -> Iterator[str]:
    rows = []
    for over in means.to_dicts():
        mine = found.filter(model=over["model"], stage=over["stage"]).sort("seed").to_dicts()
        rows.append([over["model"], str(mine[0]["step"]), told(over, "right"), told(over, "moving"),
                     ", ".join(f"{row['moving'] * row['n']:.0f}" for row in mine) + f" of {mine[0]['n']}",
                     told(over, "moving_change", sign=True), told(over, "undecided"),
                     ", ".join(number(row["multiplier"]) for row in mine)])  # fmt: skip
    heads = ["changed", "step", "right", "moving", "of the seeds", "less base", "undecided",
             "median multiplier of what rests"]  # fmt: skip
    yield from ("### What sets states in motion", "", *pipe(heads, rows))


def real_part(found: pl.DataFrame, _: pl.DataFrame | None) -> Iterator[str]:
    names = [name for name in FATES if name in found.columns]
    rows = [
        [row["task"], str(row["n"]), told(row, "right"), told(row, "token_acc"), str(row["followed"]),
         *(str(row[name]) for name in names), str(row["right_end"])]
        for row in found.to_dicts()
    ]  # fmt: skip
    heads = ["puzzles or weights", "n", "right", "cells right", "followed", *names, "right when last followed"]
    yield from ("### Real puzzles, and the modular models of others", "", *pipe(heads, rows))


PAGES: dict[str, Callable[..., Iterator[str]]] = {
    "models": model_part, "fates": fate_part, "failures": failure_part, "spectra": spectrum_part, "starts": start_part,
    "survival": survival_part, "compute": compute_part, "training": training_part, "arms": arm_part,
    "recipes": recipe_part, "real": real_part,
}  # fmt: skip


def number(value: float | None) -> str:
    if value is None or not np.isfinite(value):
        return "-"
    return "<0.001" if 0 < value < 5e-4 else f"{value:.3f}"


if __name__ == "__main__":
    main()
