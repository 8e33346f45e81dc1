"""The tables of `rrdyn analyze-scale` as files and as a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl
from tabulate import tabulate

from rrdyn.analysis.readers import MEANING
from rrdyn.analysis.scaling import RIGHT, Scaling
from rrdyn.analysis.summary import bounded
from rrdyn.artifacts.files import make_folder, replacing, write_json, write_text
from rrdyn.artifacts.interval import Interval
from rrdyn.artifacts.provenance import provenance
from rrdyn.artifacts.record import Value
from rrdyn.artifacts.scaling import AreaRow, FreedRow, ScalingRecord, ScalingRow
from rrdyn.artifacts.selection import bounds

KIND, VERSION = "scaling", 1


def write(found: Scaling, out: Path, sources: Sequence[Path]) -> list[Path]:
    """scaling_<tag>.{csv,json,md}, areas_<tag>.csv, risk_<tag>.csv, and where fates are there freed_<tag>.csv."""
    out, tag = make_folder(out), found.tag
    areas = [{"method": a.method, "reader": a.reader, "budget": a.budget, **bounds("area", a.area),
              **bounds("over_longer", a.over_longer), "break_even": a.break_even} for a in found.areas]  # fmt: skip
    freed = [{"method": f.method, "reader": f.reader, "fate": f.fate, "budget": f.budget, "n": f.freed.n,
              **bounds("freed", f.freed)} for f in found.freed]  # fmt: skip
    tables: dict[str, Sequence[Mapping[str, Value]]] = {
        "scaling": [row.model_dump() for row in found.rows],
        "areas": areas,
        "risk": [row.model_dump() for row in found.curves],
        "freed": freed,
    }
    wrote = []
    for name, rows in tables.items():
        if rows:
            wrote.append(out / f"{name}_{tag}.csv")
            with replacing(wrote[-1]) as partial, open(partial, "wb") as stream:
                pl.DataFrame(rows, infer_schema_length=None).write_csv(stream)
    record = ScalingRecord(
        kind=KIND, schema_version=VERSION, tag=tag, n=found.grid.n, segments=found.grid.segments,
        evaluations=found.grid.segments * found.grid.sub_updates, plain=found.plain, rows=found.rows, areas=found.areas,
        targets=found.targets, risks=found.risks, freed=found.freed, escapes=found.escapes,
        meta=provenance(inputs=list(sources)),
    )  # fmt: skip
    return [
        *wrote,
        write_json(out / f"scaling_{tag}.json", record),
        write_text(out / f"scaling_{tag}.md", page(found)),
    ]


def told(found: Scaling) -> str:
    """For the terminal: accuracy by method and budget, each by its own reader."""
    budgets = sorted({row.budget for row in found.rows if row.primary and row.on_curve})
    table = []
    for method in found.grid.methods:
        mine = {row.budget: row for row in found.rows if row.method == method and row.primary and row.on_curve}
        cells = [interval(mine[b], "right").told() if b in mine else "-" for b in budgets]
        table.append([method, found.grid.reader(method), *cells])
    head = (f"{found.tag}: n={found.grid.n}, right at the model's own budget {bounded(found.plain)}; compute in units "
            f"of {found.grid.segments * found.grid.sub_updates} sub-updates")  # fmt: skip
    return f"{head}\n\n{tabulate(table, ['method', 'reader', *(f'{b}x' for b in budgets)], tablefmt='simple')}"


def page(found: Scaling) -> str:
    """scaling_<tag>.md"""
    grid = found.grid
    lines = [
        f"# Inference compute: {found.tag}", "",
        f"{grid.n} puzzles, each method on all of them; right by the plain rollout at the model's own budget: "
        f"{bounded(found.plain)}. 1x is {grid.segments} segments of {grid.sub_updates} sub-updates, "
        f"{grid.segments * grid.flops / 1e9:.3g} Gflop a puzzle. What is thrown away counts.", "",
        "Each method by the reader of its own source. `p` is a sign-flip test (McNemar's, of rates) against the plain "
        "rollout at 1x, `p over longer` against the plain rollout for the same compute; both after Holm over "
        f"{sum(row.p_holm is not None for row in found.rows)} and "
        f"{sum(row.over_longer_p_holm is not None for row in found.rows)} comparisons.", "",
    ]  # fmt: skip
    lines += [_pipe(*by_method(found.rows)), "", "## Over the whole axis", ""]
    lines += [_pipe(*over_the_axis(found.areas)), "", "## Cheapest for a target", ""]
    targets = [[f"{t.target:g}", t.method or "none", "-" if t.budget is None else f"{t.budget}x", bounded(t.right)]
               for t in found.targets]  # fmt: skip
    lines += [_pipe(["target", "method", "compute", "right"], targets), ""]
    lines += ["The method was chosen by these same puzzles: its accuracy there is somewhat too high.", ""]
    lines += ["## Readers", "", "At the largest compute of each method; exploration, not corrected.", ""]
    lines += [_pipe(*by_reader(found.rows)), ""]
    for row in found.escapes:
        shares = ", ".join(f"{share:.3f} at {sigma:g}" for sigma, share in zip(row.sigmas, row.escaped))
        lines += [
            f"Escape by {row.method}: {shares}; slope of its logarithm against 1 / sigma^2 {bounded(row.slope)}.",
            "",
        ]
    if found.freed:
        lines += ["## Which failures are freed", "", _pipe(*by_fate(found.freed)), ""]
    return "\n".join(lines) + "\n"


Table = tuple[list[str], list[list[str]]]
"""Heads, and rows of cells."""


def by_method(rows: Sequence[ScalingRow]) -> Table:
    """Every method by the reader of its own source, along the axis of compute."""
    heads = ["method", "reader", "compute", "right", "over plain", "p", "over longer", "p over longer"]
    return heads, [_line(row) for row in rows if row.primary and row.on_curve]


def over_the_axis(areas: Sequence[AreaRow]) -> Table:
    """Accuracy averaged over the logarithm of compute, and where a method begins to be worth more than `longer`."""
    heads = ["method", "up to", "mean over log compute", "over longer", "break-even"]
    return heads, [[row.method, f"{row.budget}x", bounded(row.area), bounded(row.over_longer, sign=True),
                    "-" if row.break_even is None else f"{row.break_even}x"] for row in areas]  # fmt: skip


def by_reader(rows: Sequence[ScalingRow]) -> Table:
    """Every reader of every method at the method's largest compute."""
    largest = {row.method: row.budget for row in sorted(rows, key=lambda row: row.budget) if row.on_curve}
    shown = {(row.method, row.reader): row.right for row in rows
             if row.on_curve and row.budget == largest[row.method]}  # fmt: skip
    methods = list(dict.fromkeys(row.method for row in rows))
    table = [[meaning, *(_share(shown.get((method, reader))) for method in methods)]
             for reader, meaning in MEANING.items() if reader in {row.reader for row in rows}]  # fmt: skip
    return ["reader", *methods], table


def by_fate(freed: Sequence[FreedRow]) -> Table:
    """Of the puzzles of each fate, those that each method has right at its largest compute."""
    kinds = sorted({row.fate for row in freed}, key=lambda kind: (kind == RIGHT, kind))
    cells = {(row.method, row.fate): bounded(row.freed) for row in freed}
    methods = dict.fromkeys(row.method for row in freed)
    return ["right by", *kinds], [[method, *(cells[method, kind] for kind in kinds)] for method in methods]


def _pipe(heads: list[str], rows: list[list[str]]) -> str:
    return tabulate(rows, heads, tablefmt="pipe", disable_numparse=True)


def interval(row: ScalingRow, name: str) -> Interval:
    """`right`, `gain` or `over_longer` of a row, with its bounds."""
    return Interval(value=getattr(row, name), low=getattr(row, f"{name}_low"), high=getattr(row, f"{name}_high"),
                    n=row.n)  # fmt: skip


def _line(row: ScalingRow) -> list[str]:
    right, gain, over = (interval(row, name) for name in ("right", "gain", "over_longer"))
    return [row.method, row.reader, f"{row.budget}x", right.told(), gain.told(sign=True), _p(row.p_holm),
            over.told(sign=True), _p(row.over_longer_p_holm)]  # fmt: skip


def _p(value: float | None) -> str:
    return "-" if value is None else f"{value:.2g}"


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
