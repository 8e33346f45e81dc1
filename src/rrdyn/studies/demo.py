"""The demo: from nothing to what became of each puzzle, made of public commands only."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from tabulate import tabulate

from rrdyn.analysis.comparison import Comparison, compare
from rrdyn.analysis.fates import FatesRecord, FateTable, of_result, read_fates, sentences
from rrdyn.analysis.measured import of_fates
from rrdyn.artifacts.comparison import ComparisonRecord
from rrdyn.artifacts.errors import InputError
from rrdyn.artifacts.files import make_folder
from rrdyn.artifacts.interval import Interval
from rrdyn.artifacts.pasting import quoted
from rrdyn.artifacts.places import shown
from rrdyn.artifacts.reading import read_json, read_jsonl
from rrdyn.artifacts.record import Number, Written
from rrdyn.artifacts.results import ResultsRecord
from rrdyn.studies.page.opening import side_by_side
from rrdyn.studies.steps import Execute, Step, run_steps

ARMS = ("none-fixed", "multi4")
# The published scales, 3e-5 to 3e-3, change no answer of a model this small: the demo's arm reaches further.
NOISE = {"multi4": ("--set", "aug.noise.sigma_min=0.03", "aug.noise.sigma_max=1.0")}
MODELS = ("pretrain", *ARMS)


@dataclass(frozen=True, kw_only=True)
class Size:
    """What a demo trains on, by which preset, and how many held-out puzzles it follows how far."""

    data: tuple[str, ...]
    preset: str
    puzzles: int
    horizon: int
    share: tuple[str, ...] = ()
    """How the long steps are shared out."""
    seconds: dict[str, float]
    """Usual seconds of a step on two CPU cores, for the time left."""


FULL = Size(
    data=("--size", "6", "--clues", "14", "--n", "1000", "--test-n", "512"),
    preset="demo",
    puzzles=48,
    horizon=128,
    share=("--devices", "2"),  # two processes: on tensors this small, threads of one wait for its interpreter
    seconds={"data": 7, "pretrain": 55, "finetune": 17, "fate": 45, "diagnose": 7, "analyze": 2, "plot": 3},
)
TINY = Size(
    data=("--size", "4", "--clues", "6", "--n", "128", "--test-n", "64", "--val-groups", "16"),
    preset="demo-tiny",
    puzzles=16,
    horizon=24,
    seconds={"data": 1, "pretrain": 3, "finetune": 1, "fate": 1, "diagnose": 1, "analyze": 1, "plot": 1},
)


class ComparedArms(ComparisonRecord):
    """The two arms, puzzle by puzzle."""

    first: str
    second: str


class DemoRecord(Written):
    """What a finished demo found, by model."""

    results: dict[str, ResultsRecord]
    fates: dict[str, FatesRecord]
    arms: ComparedArms
    noise: dict[str, Number | None]
    """Realised noise of the augmented arm, and the share of answers it changed, at the last step logged."""


@dataclass(frozen=True, kw_only=True)
class Study:
    """What a finished demo found: words for the terminal, the same as data, the figures, what to run next."""

    text: str
    data: DemoRecord
    figures: list[Path]
    next: list[str] = field(default_factory=list)


def plan(out: Path, size: Size, seed: int) -> list[Step]:
    """The command lines of the demo, in order. Each may be typed by hand, and typed again to go on."""
    data, usual, seeded = out / "data", size.seconds, ("--seed", str(seed))
    train = ("train", str(data), "--preset", size.preset, *seeded)
    puzzles = ("--n", str(size.puzzles), *size.share, *seeded)
    pretrained, diagnosed, fates = last(out / "pretrain"), diag(out), [fate(out, name) for name in MODELS]
    return [
        Step(
            title="make the puzzles",
            argv=("data", "sudoku", "--source", "generate", *size.data, *seeded, "--out", str(data)),
            makes=data / "rrdyn.json",
            seconds=usual["data"],
        ),
        Step(
            title="train a small TRM by ACT streaming",
            argv=(*train, *size.share, "--out", str(out / "pretrain")),
            makes=pretrained,
            seconds=usual["pretrain"],
        ),
        *(
            Step(
                title=f"fine-tune it, arm {arm}",
                argv=(*train, "--aug", arm, "--init", str(pretrained), *NOISE.get(arm, ()), "--out", str(out / arm)),
                makes=last(out / arm),
                seconds=usual["finetune"],
            )
            for arm in ARMS
        ),
        Step(
            title=f"follow {size.puzzles} held-out puzzles through all three models, up to {size.horizon} segments",
            argv=(
                "fate",
                *(str(last(out / name)) for name in MODELS),
                "--horizon",
                str(size.horizon),
                "--multipliers",
                "0",
                *puzzles,
                "--out",
                str(out / "fates"),
            ),
            makes=fates[-1],
            seconds=usual["fate"],
        ),
        Step(
            title="measure drift and exponents of the pretrained model within its budget",
            argv=("diagnose", str(pretrained), "--k", "4", "--qr-every", "auto", *puzzles, "--out", str(diagnosed)),
            makes=diagnosed,
            seconds=usual["diagnose"],
        ),
        Step(
            title="analyse fate x right, and settled x correct beside it",
            argv=("analyze-2x2", str(diagnosed), "--fate", *map(str, fates), "--no-figures",
                  "--out", str(out / "analysis")),
            makes=out / "analysis" / "results.md",
            seconds=usual["analyze"],
        ),
        Step(
            title="draw what became of the pretrained model's puzzles",
            argv=("plot", "fates", str(fates[0]), "--out", str(out / "figures" / "fates.png")),
            makes=out / "figures" / "fates_segments.png",
            seconds=usual["plot"],
        ),
        Step(
            title="draw its 2x2",
            argv=("plot", "2x2", str(out / "analysis" / "results_pretrain.json"), "--out", str(out / "figures")),
            makes=out / "figures" / "fig_pretrain_spectrum.png",
            seconds=usual["plot"],
        ),
        Step(
            title="draw the training curves",
            argv=(
                "plot",
                "dynamics",
                *(str(out / arm) for arm in ARMS),
                "--out",
                str(out / "figures" / "dynamics.png"),
            ),
            makes=out / "figures" / "dynamics.png",
            seconds=usual["plot"],
        ),
    ]  # fmt: skip


def last(run: Path) -> Path:
    """The checkpoint that a run folder ends with."""
    return run / "checkpoints" / "last"


def diag(out: Path) -> Path:
    """Where the demo keeps the diagnosis of the pretrained model."""
    return out / "diag" / "diag_pretrain.npz"


def fate(out: Path, name: str) -> Path:
    """Where the demo keeps the fates of one model's puzzles."""
    return out / "fates" / f"fate_{name}_last.npz"


def run(out: Path, size: Size, seed: int, execute: Execute) -> Study:
    """Run what is missing of the demo in `out` and tell what it found."""
    make_folder(out)
    run_steps(plan(out, size, seed), out / "study.json", execute)
    return summary(out)


def summary(out: Path) -> Study:
    """The result of a finished demo, read from its files: what became of the puzzles stands last."""
    file = out / "analysis" / "results_pretrain.json"
    record = read_json(file, ResultsRecord)
    if not record.intervals or record.threshold is None:
        raise InputError(f"{shown(file)} lacks intervals", expected="a file of rrdyn analyze-2x2",
                         run=f"rm {file}, and rrdyn demo again")  # fmt: skip
    noise = noise_seen(out / "multi4" / "train.jsonl")
    figures = sorted(out.glob("figures/*.png"))
    read = {name: read_fates(fate(out, name)) for name in MODELS}
    tables = {name: of_result(artifact.arrays, artifact.meta) for name, artifact in read.items()}
    versus = compare(*(of_fates(read[arm]) for arm in ARMS))
    text = "\n\n".join(
        [
            two_by_two(record),
            noise_told(noise),
            "figures\n" + "\n".join(f"  {path}" for path in figures),
            fates_told(tables),
            arms_told(versus),
            "\n".join(f"{name}: {line}" for name, table in tables.items() for line in sentences(table).splitlines()),
        ]
    )
    data = DemoRecord(
        results={"pretrain": record},
        fates={name: table.record() for name, table in tables.items()},
        arms=ComparedArms.extending(versus.record(), first=ARMS[0], second=ARMS[1]),
        noise=noise,
    )
    return Study(text=text, data=data, figures=figures, next=[f"rrdyn report {quoted(out)}"])


def fates_told(tables: dict[str, FateTable]) -> str:
    """Accuracy at the budget and at the horizon, and fate x right, of the three models side by side."""
    table = next(iter(tables.values()))
    heads, rows = side_by_side(tables)
    told = tabulate(rows, heads, tablefmt="simple", disable_numparse=True)
    return f"what became of {table.n} held-out puzzles; by fate: wrong / right at segment {table.budget}\n{told}"


def arms_told(versus: Comparison) -> str:
    """The two arms puzzle by puzzle."""
    lines = [column.sentence(*ARMS) for column in versus.columns.values()]
    same = versus.same_fate
    if same is not None:
        lines.append(f"one fate in both arms: {bounded(same)} of the puzzles")
    return "\n".join(["the arms, puzzle by puzzle", *(f"  {line}" for line in lines)])


def two_by_two(record: ResultsRecord) -> str:
    """The 2x2 of the pretrained model with lambda_1 per cell, and its AUC; without the cells where late drift does not
    tell them apart."""

    def cell(name: str) -> str:
        n = record.cells[name].n
        return f"n = {n}" + (f"\nlambda_1 {bounded(record.interval(f'cells.{name}.lam1_median'))}" if n else "")

    rows = [
        ["settled", cell("A_conv_correct"), cell("B_conv_wrong")],
        ["unsettled", cell("C_nonconv_correct"), cell("D_nonconv_wrong")],
    ]
    accuracy = bounded(record.interval("exact_acc"))
    method = record.threshold.method if record.threshold else "otsu"
    cells = [
        tabulate(rows, ["", "correct", "wrong"], tablefmt="grid"),
        "lambda_1: median of the cell, nats per sub-update, with its 95% interval. settled: late drift below "
        f"10^{record.tau:.2f} ({method})",
    ]
    lines = [
        f"the pretrained model on {record.n} held-out puzzles: {accuracy} exact after the last segment",
        *([] if record.threshold and record.threshold.one_mode else cells),
        *(f"note: {text}" for text in record.warnings),
        f"AUC(-lambda_1 -> correct)  {bounded(record.interval('auc.neg_lam1_predicts_correct_overall'))}",
    ]
    return "\n".join(lines)


def bounded(interval: Interval | None) -> str:
    """A value and its interval, such as 0.905 [0.871, 0.937]; - where there is none."""
    return "-" if interval is None else interval.told()


def noise_seen(log: Path) -> dict[str, float | None]:
    """What the augmentation did at its last logged step: realised noise, and the share of answers it changed."""
    rows = read_jsonl(log)
    known = {key: [row[key] for row in rows if isinstance(row.get(key), int | float)] for key in ("noise", "changed")}
    return {key: values[-1] if values else None for key, values in known.items()}


def noise_told(noise: dict[str, float | None]) -> str:
    """What the augmentation did, in one sentence."""
    shown = {key: "-" if value is None else f"{value:.3g}" for key, value in noise.items()}
    return (
        f"multi4 acted: realised noise norm {shown['noise']} of the norm of z0; "
        f"share of answers changed by the perturbation {shown['changed']}"
    )
