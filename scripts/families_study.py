"""TRM, HRM and SRM at equal parameters, and what terms for stability do to a TRM: the tables of docs/families.

    python scripts/families_study.py runs/families --out docs/families         # all of it; stopped, it goes on
    python scripts/families_study.py runs/families --out docs/families --list  # the command lines, none is run
    python scripts/families_study.py runs/tiny --out runs/tiny/page --tiny     # the same in minutes, without sense

Every step is a command of rrdyn. All models have one block of the same MLPs over positions and features in two places
(HRM's two nets) or two of them in one (TRM's net), or as many numbers in SRM's bounded operator; a segment of any costs
about the same operations. Steps are counted so that the operations of training are equal to 1%: every segment, what is
differentiated of it twice more, and where a model has a continue head the segment that its target takes.
`rates` tries three learning rates on a seed that is used for nothing else: `LR` says which was taken, the best or a
lower one that validation puzzles do not tell from it. `sudoku` and `maze` are the families, `kappa` an SRM with other
bounds, `base` shorter trained TRMs and `arms` fine-tunings of them, each beside `none-fixed`. --only STAGE and --seeds
do a part; the page has what is there.

Writes `models.csv` (a row a model), `seeds.csv` (their means over seeds, Student's t), `arms.csv` (a row an arm and
seed), `arms_seeds.csv`, `families.json` and `README.md`, which has no number that is not in them.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch

from rrdyn.analysis.fates import read_fates
from rrdyn.analysis.intervals import mean, mean_difference, rate
from rrdyn.artifacts.evaluation import EvaluationRecord
from rrdyn.artifacts.files import make_folder, write_json, write_text
from rrdyn.artifacts.frame import write_frame
from rrdyn.artifacts.npz import Artifact, read_npz
from rrdyn.artifacts.provenance import provenance
from rrdyn.artifacts.reading import read_json, read_jsonl
from rrdyn.artifacts.schemas import DIAG, ROLLOUT
from rrdyn.cli.app import main as rrdyn
from rrdyn.dynamics import FATES, protocol
from rrdyn.dynamics.lyapunov import first_frame
from rrdyn.dynamics.metric import largest_gain
from rrdyn.dynamics.stability import exponents, jacobian_square, residual, spectral_radius
from rrdyn.dynamics.trajectory import follow
from rrdyn.measurement import open_subject
from rrdyn.measurement.subject import Subject
from rrdyn.models.work import segment_work, training_passes
from rrdyn.runtime.streams import generator
from rrdyn.studies.seed_tables import bounds, over_seeds, pipe, read_table, told
from rrdyn.studies.steps import Step, run_steps

N_RIGHT, N_ARMS, N_MEASURED, HORIZON, EXPONENTS = 512, 256, 64, 256, 4
SEGMENTS, FINE_TUNED, GLOBAL_BATCH, FLOOR = "8", "24", 64, 1e-9
HRM = ("model.name=hrm", "model.H_layers=1", "model.L_layers=1", "model.H_cycles=6", "model.L_cycles=3")
RATES, PILOT = ("2e-3", "4e-3", "8e-3"), 9
LR = {"trm": "4e-3", "hrm": "4e-3", "srm": "4e-3"}
STEPS = {
    "sudoku": {"trm": 742, "hrm": 571, "srm": 536},
    "maze": {"trm": 742, "hrm": 571, "srm": 480},
}
"""Of training; times `passes` and the operations of a segment they are equal. A rate is tried for half of them."""
BASE_STEPS = 400
DATA = {
    "sudoku": ("sudoku", "--source", "generate", "--size", "6", "--clues", "14"),
    "maze": ("maze", "--size", "7"),
}
OTHER_SRMS = {"srm_0.5": "model.kappa=0.5", "srm_0.97": "model.kappa=0.97", "srm_alpha-0.1": "model.alpha=0.1"}
"""Of what a sub-update may part: (1 - alpha) + alpha kappa; the others have alpha .5 and kappa .9."""
ARMS = {
    "none-fixed": "",
    "flossing": "{term: flossing, weight: 10.0, k: 4}",
    "floss-leading": "{term: leading, weight: 10.0, k: 1, target: -0.3}",
    "floss-spectrum": "{term: spectrum, weight: 10.0, k: 4, target: -0.3}",
    "floss-volume": "{term: volume, weight: 10.0, k: 4, target: -0.3}",
    "jacobian": "{term: jacobian, weight: 3.0, k: 2}",
    "radius": "{term: radius, weight: 1.0, target: 0.5}",
    "fixed-point": "{term: fixed_point, weight: 10.0}",
    "path-noise": "",
    "bptt": "",
}
"""Arms, and their settings here; '' for those of configs/stability. Larger weights, and lower targets of one-sided
terms: some states are above them, others are not."""
HELD = {
    "flossing": "square", "floss-leading": "lambda_1", "floss-spectrum": "lambda_1", "floss-volume": "volume",
    "jacobian": "jacobian", "radius": "radius", "fixed-point": "residual",
}  # fmt: skip
"""What each arm holds down, by its column."""
ARMS_ARE = (
    f"{FINE_TUNED} steps of 16 puzzles at lr 1e-4 from TRMs of {BASE_STEPS} steps; a term is made of 4 of the 16. "
    f"Right: of {N_ARMS} test puzzles at the end of the budget. The rest: of {N_MEASURED} at its last segment, where "
    "terms are applied too. lambda_1, square (the mean of four squared exponents) and volume (their mean): growth of a "
    "random frame over that segment alone, nats per sub-update. jacobian: log10 of the squared Frobenius norm over n; "
    "residual: log10 of |F(z) - z|^2 / |z|^2. Intervals are over puzzles, each compares two given models, none is "
    "corrected for their number."
)
QUANTITIES = ("lambda_1", "square", "volume", "jacobian", "radius", "residual")
DECADES, ROUNDING = ("jacobian", "residual"), 1e-14
TABLES = ("models", "seeds", "rates", "arms", "arms_seeds")
TITLES = {"sudoku": "6x6 Sudoku", "maze": "7x7 mazes", "kappa": "SRMs with other bounds, 6x6 Sudoku"}
N_VAL = 128
FAR = 8
"""Puzzles whose far starts are followed."""
TINY = ("--steps", "4", "--batch", "8", "--eval-every", "4", "--eval-n", "8",
        "--set", "eval.perturbed_n=4", "eval.lyapunov_n=1")  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Trained:
    """One model of the study."""

    stage: str
    task: str
    name: str
    seed: int
    folder: Path
    argv: tuple[str, ...]
    """What `train` is told beside data, seed and folder."""

    @property
    def weights(self) -> Path:
        return self.folder / "checkpoints" / "last"

    def file(self, name: str) -> Path:
        return self.folder / name


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--only", choices=STAGES, nargs="*", default=list(STAGES), help="these stages")
    parser.add_argument("--seeds", type=int, nargs="*", default=[0, 1, 2])
    parser.add_argument("--memory", default="study", help="name of the file that remembers, one a process")
    parser.add_argument("--page", action="store_true", help="run nothing, write what is there")
    parser.add_argument("--tiny", action="store_true", help="a size for tests")
    parser.add_argument("--list", action="store_true", help="print the command lines and stop")
    args = parser.parse_args()
    models = {stage: list(STAGES[stage](args.root, args.seeds)) for stage in args.only}
    every = (step for stage in models for step in plan(args.root, stage, models[stage], tiny=args.tiny))
    steps = list(dict.fromkeys(every))  # stages share their puzzles
    if args.list:
        print("\n".join(step.line for step in steps))
        return
    if not args.page:
        memory = make_folder(args.root) / f"{args.memory}.json"
        run_steps(steps, memory, lambda line: rrdyn([*line, "--quiet"]))
        for one in (one for stage in models if stage not in UNMEASURED for one in models[stage]):
            known(one)
    written(args.root, make_folder(args.out))


# ---- what is run -----------------------------------------------------------------------------------------------------


def rates(root: Path, seeds: Sequence[int]) -> Iterator[Trained]:
    for name, steps in STEPS["sudoku"].items():
        for rate_ in RATES:
            argv = (*family("sudoku", name, lr=rate_, steps=steps // 2), "--eval-every", str(steps // 4))
            yield trained(root, "rates", "sudoku", f"{name}_{rate_}", PILOT, argv)


def families(task: str) -> Callable[[Path, Sequence[int]], Iterator[Trained]]:
    def everyone(root: Path, seeds: Sequence[int]) -> Iterator[Trained]:
        for seed in seeds:
            for name in STEPS[task]:
                yield trained(root, task, task, name, seed, family(task, name))

    return everyone


def kappas(root: Path, seeds: Sequence[int]) -> Iterator[Trained]:
    for seed in seeds:
        for name, changed in OTHER_SRMS.items():
            yield trained(root, "kappa", "sudoku", name, seed, family("sudoku", "srm", changed))


def bases(root: Path, seeds: Sequence[int]) -> Iterator[Trained]:
    for seed in seeds:
        yield trained(root, "base", "sudoku", "trm", seed, family("sudoku", "trm", steps=BASE_STEPS))


def arms(root: Path, seeds: Sequence[int]) -> Iterator[Trained]:
    for seed, base in zip(seeds, bases(root, seeds)):
        for name, settings in ARMS.items():
            more = ("--set", f"aug.settings={settings}") if settings else ()
            start = ("--preset", "sudoku-small", "--init", str(base.weights))
            argv = (*start, "--aug", name, "--steps", FINE_TUNED, "--eval-every", FINE_TUNED, "--eval-n", "16", *more)
            yield trained(root, "arms", "sudoku", name, seed, argv)


STAGES = {"rates": rates, "sudoku": families("sudoku"), "maze": families("maze"), "kappa": kappas, "base": bases,
          "arms": arms}  # fmt: skip
UNMEASURED = ("rates", "base")


def family(task: str, name: str, *settings: str, lr: str | None = None, steps: int | None = None) -> tuple[str, ...]:
    """The words after `train DATA` that make a family's model of a task."""
    preset = f"{task}-small-srm" if name == "srm" else f"{task}-small"
    changed = (*(HRM if name == "hrm" else ()), *settings)
    more = ("--set", *changed) if changed else ()
    return ("--preset", preset, "--steps", str(steps or STEPS[task][name]), "--lr", lr or LR[name], *more)


def trained(root: Path, stage: str, task: str, name: str, seed: int, argv: tuple[str, ...]) -> Trained:
    return Trained(stage=stage, task=task, name=name, seed=seed, folder=root / stage / f"{name}_s{seed}", argv=argv)


def plan(root: Path, stage: str, models: Sequence[Trained], *, tiny: bool) -> Iterator[Step]:
    """The command lines of a stage; a model's measurements follow its training."""
    size = ("--n", "64", "--test-n", "16", "--val-groups", "8") if tiny else ("--n", "1000", "--test-n", "512")
    cpu = ("--device", "cpu")
    for task in dict.fromkeys(one.task for one in models):
        data = root / "data" / task
        yield Step(title=f"{task}: puzzles", makes=data, argv=("data", *DATA[task], *size, "--out", str(data)))
    for one in models:
        says = f"{stage}: {one.name}, seed {one.seed}"
        data, minutes = root / "data" / one.task, 2.0 if stage in ("rates", "arms") else 6.0
        yield Step(title=says, makes=one.weights, seconds=60 * minutes,
                   argv=("train", str(data), *one.argv, "--seed", str(one.seed), *cpu, "--out", str(one.folder),
                         *(TINY if tiny else ())))  # fmt: skip
        if stage in UNMEASURED:
            continue
        few = ("--n", str(8 if tiny else N_MEASURED))
        many = ("--n", str(16 if tiny else N_RIGHT))
        weights, horizon = str(one.weights), str(16 if tiny else HORIZON)
        measured = {
            "evaluation.json": ("evaluate", weights, *many),
            "diag.npz": ("diagnose", weights, *few, "--k", str(EXPONENTS)),
            "fate.npz": ("fate", weights, *few, "--horizon", horizon, "--multipliers", "0", *restarts(one)),
        }
        if stage == "arms":  # puzzle by puzzle, to be compared in pairs
            some = ("--n", str(16 if tiny else N_ARMS), "--segments", SEGMENTS, "--periods", "0")
            measured = {"rollout.npz": ("rollout", weights, *some)}
        for name, words in measured.items():
            yield Step(title=f"{says}: {words[0]}", makes=one.file(name), seconds=30,
                       argv=(*words, *cpu, "--out", str(one.file(name))))  # fmt: skip


def restarts(one: Trained) -> tuple[str, ...]:
    """An SRM has one fixed point a puzzle: from further away it comes to the same."""
    return ("--restarts", "4", "--sigma", "3") if one.name.startswith("srm") else ()


# ---- what is measured beside --------------------------------------------------------------------------------------


def known(one: Trained) -> dict[str, Any]:
    """What no command says of a model: its size and operations, the step it is of, and of an arm what it holds down."""
    path = one.file("known.json")
    if not path.is_file():
        subject = open_subject(one.weights)
        more: dict[str, Any] = {"held": held(subject)} if one.stage == "arms" else {}
        if subject.model.certificate() is not None:
            more |= contracting(one)
        write_json(path, {**size(subject), **more})
    found: dict[str, Any] = read_json(path)
    return found


def size(subject: Subject) -> dict[str, Any]:
    """Parameters, what a segment takes, and the share of it that has a gradient in training."""
    model, work = subject.model, segment_work(subject.model)
    return {"parameters": sum(p.numel() for p in model.parameters()), "operations": work.operations,
            "sub_updates": work.sub_updates, "layers": work.layers,
            "supervised": model.gradient_span / work.sub_updates, "continues": model.has_continue}  # fmt: skip


def passes(facts: Mapping[str, Any]) -> float:
    """Segments' worth of operations that a step of training takes a puzzle."""
    return training_passes(facts["continues"], facts["supervised"])


def contracting(one: Trained) -> dict[str, float]:
    """Of a model that is proved to contract, in float64: its bound, the largest gain of a sub-update over hostile pairs
    of states of `FAR` puzzles, and how far apart the ends of far starts are, as a share of the state."""
    subject = open_subject(one.weights, dtype=torch.float64)
    model, questions = subject.model, subject.questions(np.arange(FAR))
    recurrence, proof = model.recurrence(model.embed(questions.inputs, questions.identifiers)), model.certificate()
    assert proof is not None
    z0, random = model.initial(FAR), torch.Generator().manual_seed(0)
    gain = largest_gain(recurrence.sub_updates[0], z0, proof.metric, random, 60)
    with torch.no_grad():
        starts = [z0, *(protocol.rebuild(z0, (10 * torch.randn(part.shape, generator=random, dtype=part.dtype)
                                              for part in z0)) for _ in range(3))]  # fmt: skip
        ends = [follow(recurrence, start, 64) for start in starts]
        apart = max(float((end - own).norm() / own.norm()) for other in ends[1:] for end, own in zip(other, ends[0]))
    return {"bound": proof.bound, "hostile_gain": gain, "ends_apart": apart}


@torch.no_grad()
def held(subject: Subject) -> dict[str, list[float]]:
    """Of the last segment of the budget, a number a test puzzle: what the terms of `configs/stability` are made of."""
    found: dict[str, list[float]] = {name: [] for name in QUANTITIES}
    model = subject.model
    for begin in range(0, N_MEASURED, 16):
        idx = np.arange(begin, min(begin + 16, N_MEASURED))
        questions = subject.questions(idx)
        recurrence = model.recurrence(model.embed(questions.inputs, questions.identifiers))
        z = follow(recurrence, model.initial(len(idx)), model.budget - 1)
        spectrum, _ = exponents(recurrence, z, first_frame(z, EXPONENTS, z[0].dtype, 0, list(idx)))
        rows = {
            "lambda_1": spectrum[:, 0], "square": spectrum.square().mean(1), "volume": spectrum.mean(1),
            "jacobian": jacobian_square(recurrence, z, probes(z, 8, idx)),
            "radius": spectral_radius(recurrence, z, probes(z, 1, idx), iterations=8, burn=8),
            "residual": residual(recurrence, z),
        }  # fmt: skip
        for name, values in rows.items():
            found[name] += [float(value) for value in values]
    return found


def probes(z: Any, k: int, idx: np.ndarray) -> Any:
    drawn = [[generator(0, "probes", int(key)).standard_normal((k, *part.shape[1:]), dtype=np.float32) for part in z]
             for key in idx]  # fmt: skip
    return protocol.rebuild(z, (torch.from_numpy(np.stack(column)) for column in zip(*drawn)))


# ---- tables ----------------------------------------------------------------------------------------------------------


def written(root: Path, out: Path) -> None:
    """All tables of the models that are there, and the page made of them."""
    there = {stage: [one for one in kind(root, (0, 1, 2)) if one.file("known.json").is_file()]
             for stage, kind in STAGES.items() if stage not in UNMEASURED}  # fmt: skip
    models = frame(row(one) for stage in ("sudoku", "maze", "kappa") for one in sorted(there[stage], key=by_name))
    tried = frame(pilot(one) for one in rates(root, ()) if one.weights.is_dir())
    changed = frame(arm(one) for one in there["arms"])
    tables = {
        "models": models, "seeds": over_seeds(models, ("stage", "task", "model"), MODEL_COLUMNS), "rates": tried,
        "arms": changed, "arms_seeds": over_seeds(changed, ("arm",), ARM_COLUMNS),
    }  # fmt: skip
    for name, table in tables.items():
        if len(table):
            write_frame(out / f"{name}.csv", table)
    run = {**there, **{stage: [one for one in STAGES[stage](root, (0, 1, 2)) if one.weights.is_dir()]
                       for stage in UNMEASURED}}  # fmt: skip
    lines = [step.line for stage, models in run.items() for step in plan(root, stage, models, tiny=False)]
    write_json(out / "families.json", {
        "n_right": N_RIGHT, "n_arms": N_ARMS, "n_measured": N_MEASURED, "horizon": HORIZON,
        "lines": list(dict.fromkeys(lines)), "meta": provenance(),
    })  # fmt: skip
    write_text(out / "README.md", page(out))


def by_name(one: Trained) -> tuple[int, str, int]:
    """In the order of the families, then by seed."""
    return list(LR).index(one.name.split("_")[0]), one.name, one.seed


def frame(rows: Iterable[Mapping[str, Any]]) -> pl.DataFrame:
    return pl.DataFrame(list(rows), infer_schema_length=None)


def row(one: Trained) -> dict[str, Any]:
    """A model: what it is, how often it is right, what its exponents are and what its states come to."""
    facts, evaluation = known(one), read_json(one.file("evaluation.json"), EvaluationRecord)
    diag, fate = read_npz(one.file("diag.npz"), DIAG), read_fates(one.file("fate.npz"))
    steps = read_json(one.weights / "meta.json")["step"]
    rng = generator(0, "families", one.stage, one.name, one.seed)
    last = evaluation.segments[-1]
    ends = fate["right_end"].astype(bool)
    found: dict[str, Any] = {
        "stage": one.stage, "task": one.task, "model": one.name, "seed": one.seed, "steps": steps,
        **{key: facts[key] for key in ("parameters", "operations", "sub_updates", "layers")},
        "training_operations": steps * GLOBAL_BATCH * facts["operations"] * passes(facts),
        **bounds("right", last.exact), "n": last.exact.n,
        **bounds("right_first", evaluation.segments[0].exact), **bounds("token_acc", last.token_acc),
        **bounds("right_horizon", rate(int(ends.sum()), len(ends))),
        **bounds("lambda_1", mean(diag["lyap_spec"][:, 0], rng)),
        **bounds("lambda_segment", mean(diag["log_r"][:, -1].max(-1) / facts["sub_updates"], rng)),
        **bounds("residual", mean(np.log10(np.maximum(diag["residual"][:, -1], FLOOR)), rng)),
    }  # fmt: skip
    names = fate.meta["fates"]
    found |= {name: int((fate["fate"] == code).sum()) for code, name in enumerate(names)}
    proof = diag.meta.get("contraction")
    found |= {
        "proved": None if proof is None else float(proof["exponent"]),
        "lambda_certified_max": None if proof is None else float(diag["lambda_certified"].max()),
        "all_rest": None if proof is None else all_rest(fate),
        **{key: facts.get(key) for key in ("bound", "hostile_gain", "ends_apart")},
    }
    return found


def all_rest(fate: Artifact) -> int:
    """Puzzles that come to rest, and all their restarts too."""
    fixed = fate.meta["fates"].index("fixed")
    return int(((fate["fate"] == fixed) & (fate["restart_fate"] == fixed).all(1)).sum())


def pilot(one: Trained) -> dict[str, Any]:
    rows = [row for row in read_jsonl(one.folder / "train.jsonl") if row.get("acc") is not None]
    return {"model": one.name, "seed": one.seed, "step": rows[-1]["step"], "loss": rows[-1]["loss"],
            **bounds("acc", rate(round(rows[-1]["acc"] * rows[-1]["eval_n"]), rows[-1]["eval_n"])),
            "token_acc": rows[-1]["token_acc"]}  # fmt: skip


def arm(one: Trained) -> dict[str, Any]:
    """An arm beside `none-fixed` of its seed, puzzle by puzzle."""
    base = Trained(**{**vars(one), "name": "none-fixed", "folder": one.folder.with_name(f"none-fixed_s{one.seed}")})
    rng = generator(0, "arms", one.name, one.seed)
    found: dict[str, Any] = {"arm": one.name, "seed": one.seed}
    for name in QUANTITIES:
        mine, others = (scaled(name, known(side)["held"][name]) for side in (one, base))
        found |= {**bounds(name, mean(mine, rng)), **bounds(f"{name}_change", mean_difference(mine, others, rng))}
    mine, others = (read_npz(side.file("rollout.npz"), ROLLOUT)["exact"][:, -1].astype(float) for side in (one, base))
    return {**found, "n": len(mine), **bounds("right", mean(mine, rng)),
            **bounds("right_change", mean_difference(mine, others, rng))}  # fmt: skip


def scaled(name: str, values: Sequence[float]) -> np.ndarray:
    """Quantities that run over many decades by their logarithm: a mean would be that of one puzzle."""
    found = np.array(values)
    return np.log10(np.maximum(found, ROUNDING)) if name in DECADES else found


MODEL_COLUMNS = {"right": True, "right_first": True, "token_acc": True, "right_horizon": True,
                 "lambda_1": False, "lambda_segment": False, "residual": False}  # fmt: skip
"""What is averaged over seeds; True: a share."""
ARM_COLUMNS = {f"{name}_change": False for name in ("right", *QUANTITIES)}


# ---- the page --------------------------------------------------------------------------------------------------------


def page(folder: Path) -> str:
    """README.md from the files beside it, and from nothing else."""
    tables = {name: read(folder / f"{name}.csv") for name in TABLES}
    facts = read_json(folder / "families.json")
    models, means = tables["models"], tables["seeds"]
    lines = [
        "# TRM, HRM and SRM at one size", "",
        "Written by `python scripts/families_study.py`, from the files beside it. Accuracy: of "
        f"{facts['n_right']} test puzzles at the end of the budget. Exponents: of {facts['n_measured']} of them; "
        f"fates: of these, followed to {facts['horizon']} segments. Brackets: 95% intervals, of a rate Wilson's, of a "
        "mean BCa's, over seeds Student's t. lambda_1 in nats per sub-update; models have other numbers of them.",
    ]  # fmt: skip
    for stage, title in TITLES.items():
        mine = models.filter(stage=stage)
        if len(mine):
            lines += ["", f"## {title}", "", *sizes(mine), "", *accuracies(mine, means), "", *motions(mine, means), ""]
            lines += fates(mine)
    proofs = models.filter(pl.col("proved").is_not_null())
    if len(proofs):
        lines += ["", "## The certificate of trained SRMs", "", *certificates(proofs)]
    if len(tables["arms"]):
        lines += ["", "## Terms for stability", "", *arm_parts(tables["arms"], tables["arms_seeds"])]
    if len(tables["rates"]):
        lines += ["", "## Learning rates", "", *pilots(tables["rates"])]
    return "\n".join([*lines, "", "Every command line stands in `families.json`."]) + "\n"


def read(path: Path) -> pl.DataFrame:
    """A table; one that is not there has no rows."""
    if not path.is_file():
        return pl.DataFrame({"stage": [], "proved": []})
    return read_table(path)


def sizes(mine: pl.DataFrame) -> list[str]:
    rows = []
    for one in mine.unique("model", keep="first", maintain_order=True).to_dicts():
        rows.append([one["model"], f"{one['parameters']:,}", f"{one['operations'] / 1e6:.1f}", str(one["sub_updates"]),
                     str(one["layers"]), f"{one['steps']:,}", f"{one['training_operations'] / 1e12:.2f}"])  # fmt: skip
    heads = ["model", "parameters", "Mflop a segment", "sub-updates", "layers applied", "steps", "Tflop of training"]
    return pipe(heads, rows)


def accuracies(mine: pl.DataFrame, means: pl.DataFrame) -> list[str]:
    return by_seed(mine, means, {"right": "right", "right_first": "after segment 1", "token_acc": "cells right",
                                 "right_horizon": "right when last followed"})  # fmt: skip


def motions(mine: pl.DataFrame, means: pl.DataFrame) -> list[str]:
    return by_seed(mine, means, {"lambda_1": "lambda_1 over the budget", "lambda_segment": "of the last segment",
                                 "residual": "log10 residual of the last segment"})  # fmt: skip


def by_seed(mine: pl.DataFrame, means: pl.DataFrame, columns: Mapping[str, str]) -> list[str]:
    seeds = sorted(set(mine["seed"]))
    rows = []
    for model in dict.fromkeys(mine["model"]):
        here = {row["seed"]: row for row in mine.filter(model=model).to_dicts()}
        over = means.filter(stage=mine["stage"][0], model=model).to_dicts()[0]
        rows += [[model if name == next(iter(columns)) else "", words, *(told(here.get(seed), name) for seed in seeds),
                  told(over, name)] for name, words in columns.items()]  # fmt: skip
    return pipe(["model", "", *(f"seed {seed}" for seed in seeds), "over seeds"], rows)


def fates(mine: pl.DataFrame) -> list[str]:
    names = [name for name in FATES if name in mine.columns]
    rows = [[one["model"], str(one["seed"]), *(str(one[name]) for name in names)] for one in mine.to_dicts()]
    return pipe(["model", "seed", *names], rows)


def certificates(proofs: pl.DataFrame) -> list[str]:
    words = (
        f"In float64, of {FAR} puzzles: a sub-update parts two states by at most the bound; the largest gain "
        "over pairs of states that were moved to make it larger; both in the norm of the proof. Ends apart: "
        "how far the ends of three far starts (deviation 10) lie from that of the model's own after 64 "
        "segments, as a share of the state. In float32, of all puzzles measured: lambda_1 over the budget in "
        "that norm, what is proved and the largest found; and how many come to rest with all of four restarts "
        "(three deviations of the initial state)."
    )
    rows = [
        [one["task"], one["model"], str(one["seed"]), f"{one['bound']:.4f}", f"{one['hostile_gain']:.4f}",
         f"{one['ends_apart']:.1e}", f"{one['proved']:.4f}", f"{one['lambda_certified_max']:.4f}",
         f"{one['all_rest']} of {sum(one[name] for name in FATES if name in one)}"]
        for one in proofs.to_dicts()
    ]  # fmt: skip
    heads = [
        "task",
        "model",
        "seed",
        "bound",
        "largest gain",
        "ends apart",
        "lambda_1 proved",
        "largest lambda_1",
        "all rest",
    ]
    return [words, "", *pipe(heads, rows)]


def arm_parts(changed: pl.DataFrame, means: pl.DataFrame) -> list[str]:
    seeds = sorted(set(changed["seed"]))
    base = changed.filter(arm="none-fixed")
    rows = [[name, *(told(one, name) for one in base.to_dicts())] for name in ("right", *QUANTITIES)]
    lines = [ARMS_ARE, "", "Of `none-fixed`:", "",
             *pipe(["", *(f"seed {seed}" for seed in base["seed"])], rows), "",
             "Each arm less `none-fixed` of its seed, paired by puzzle: what it holds down, lambda_1, and accuracy.",
             ""]  # fmt: skip
    rows = []
    for over in means.filter(pl.col("arm") != "none-fixed").to_dicts():
        name = over["arm"]
        here = {row["seed"]: row for row in changed.filter(arm=name).to_dicts()}
        for quantity in dict.fromkeys((HELD.get(name), "lambda_1", "right")):
            if quantity is not None:
                rows.append([name, quantity,
                             *(told(here.get(seed), f"{quantity}_change", sign=True) for seed in seeds),
                             told(over, f"{quantity}_change", sign=True)])  # fmt: skip
    return [*lines, *pipe(["arm", "", *(f"seed {seed}" for seed in seeds), "over seeds"], rows)]


def pilots(tried: pl.DataFrame) -> list[str]:
    words = (
        f"Of {N_VAL} validation puzzles of 6x6 Sudoku after half the steps, seed {PILOT}; neither is used for anything "
        f"else. Taken: {', '.join(f'{name} {lr}' for name, lr in LR.items())}; the best, or a lower one that these "
        "puzzles do not tell from it."
    )
    rows = [
        [one["model"], told(one, "acc"), f"{one['token_acc']:.3f}", f"{one['loss']:.3f}"] for one in tried.to_dicts()
    ]
    return [words, "", *pipe(["model and rate", "right", "cells right", "training loss"], rows)]


if __name__ == "__main__":
    main()
