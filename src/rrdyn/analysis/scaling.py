"""Inference compute on one axis: what each method's answers are worth at the same evaluations, on the same puzzles.

Every method is compared by the reader of its own source (`primary`). Its p-values, against the plain rollout at the
model's own budget and against the plain rollout that goes on for the same compute, are corrected after Holm over all
primary points of all methods. Other readers stand beside them, uncorrected: they are to be read as exploration.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from rrdyn.analysis.fates import read_fates, stays_right
from rrdyn.analysis.intervals import REPLICATES, mean, mean_difference
from rrdyn.analysis.labelled import labelled
from rrdyn.analysis.noise_escape import escapes
from rrdyn.analysis.paired import paired
from rrdyn.analysis.particles import PLAIN, Grid, Point, grid
from rrdyn.analysis.readers import ORACLES, READERS, TANGENTS
from rrdyn.analysis.risk import aurc_interval, perfect_aurc, risk_coverage
from rrdyn.analysis.significance import holm
from rrdyn.artifacts.errors import InputError
from rrdyn.artifacts.interval import Interval
from rrdyn.artifacts.npz import Artifact, read_npz
from rrdyn.artifacts.places import shown
from rrdyn.artifacts.scaling import AreaRow, EscapeRow, FreedRow, ReaderRiskRow, RiskPoint, ScalingRow, TargetRow
from rrdyn.artifacts.schemas import SCALE
from rrdyn.artifacts.selection import bounds
from rrdyn.runtime.streams import generator

TARGETS = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)
CURVE_POINTS = 100
FLIPS = 10_000
CHUNK = 1 << 20
"""Signs held at once."""
OUT_OF_TIME, RIGHT = "out of time", "right at the budget"


@dataclass(frozen=True, kw_only=True)
class Scaling:
    """All tables of one scale.npz."""

    tag: str
    path: Path
    grid: Grid
    plain: Interval
    rows: list[ScalingRow]
    areas: list[AreaRow]
    targets: list[TargetRow]
    risks: list[ReaderRiskRow]
    curves: list[RiskPoint]
    freed: list[FreedRow] = field(default_factory=list)
    escapes: list[EscapeRow] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Draws:
    """How intervals are resampled."""

    seed: int
    tag: str
    replicates: int

    def stream(self, *keys: str | int) -> np.random.Generator:
        return generator(self.seed, "scaling", self.tag, *keys)


def study(
    path: Path | str, tag: str, *, fate: Path | str | None = None, seed: int = 0, replicates: int = REPLICATES
) -> Scaling:
    """Read a scale.npz, and the fate.npz of the same puzzles where one is given, and judge every method.

    Raises InputError for other files, or where they have no puzzle in common.
    """
    artifact, _ = labelled(read_npz(path, SCALE))
    found, draws = grid(artifact), Draws(seed=seed, tag=tag, replicates=replicates)
    rows = corrected([row for method in found.methods for row in _judged(found, method, draws)])
    areas = [_area(found, method, rows, draws) for method in found.methods]
    risks, curves = _risks(found, draws)
    return Scaling(
        tag=tag, path=artifact.path, grid=found, plain=mean(found.plain, draws.stream("plain"), replicates), rows=rows,
        areas=areas, targets=_targets(rows), risks=risks, curves=curves,
        freed=[] if fate is None else _freed(found, read_fates(fate), draws),
        escapes=escapes(found, draws.stream("escape"), replicates),
    )  # fmt: skip


def gain(right: np.ndarray, than: np.ndarray, rng: np.random.Generator, replicates: int) -> Interval:
    """Mean of right - than (N,) on the same puzzles: Newcombe's paired interval of two rates, BCa of chances."""
    if np.isin(right, (0, 1)).all() and np.isin(than, (0, 1)).all():
        return paired("", than, right).difference
    return mean_difference(right, than, rng, replicates)


def flip_test(right: np.ndarray, than: np.ndarray, rng: np.random.Generator) -> float:
    """Two-sided test that the mean of right - than (N,) is 0, by flipping the signs of the puzzles that differ.

    Of two rates it is McNemar's exact test; where ties make chances, of `FLIPS` random flips, never below 1 / FLIPS.
    """
    gap = np.asarray(right, dtype=float) - np.asarray(than, dtype=float)
    gap = gap[np.abs(gap) > 1e-12]
    if len(gap) == 0:
        return 1.0
    if np.ptp(np.abs(gap)) < 1e-12:
        return paired("", gap < 0, gap > 0).p
    seen, reached, done = abs(gap.sum()) * (1 - 1e-12), 1, 1
    while done < FLIPS:
        size = min(FLIPS - done, max(1, CHUNK // len(gap)))
        signs = rng.integers(0, 2, (size, len(gap)), dtype=np.int8) * 2 - 1
        reached += int((np.abs(signs @ gap) >= seen).sum())
        done += size
    return reached / FLIPS


def _judged(found: Grid, method: str, draws: Draws) -> Iterator[ScalingRow]:
    """Every point of a method by every reader; at a breadth of 1 they are one, but for those that look back."""
    curve, own = set(found.curve(method)), found.reader(method)
    longest = {point.depth for point in found.curve(PLAIN)}
    for point in found.points(method):
        particles = found.at(method, point)
        for reader, read in found.readers.items():
            if point not in found.read_by(reader, method):
                continue
            times = TANGENTS.get(reader, 1)
            budget = times * point.budget
            comparable = (method != PLAIN or times > 1) and budget in longest
            same = found.at(PLAIN, Point(1, budget)).right[:, 0, -1] if comparable else None
            itself = (method, budget) == (PLAIN, 1)
            right, _ = read(particles)
            rng = draws.stream(method, reader, point.breadth, point.depth)
            against = None if itself else gain(right, found.plain, rng, draws.replicates)
            over = None if same is None else gain(right, same, rng, draws.replicates)
            yield ScalingRow(
                method=method, reader=reader, primary=reader == own, on_curve=point in curve, breadth=point.breadth,
                depth=point.depth, budget=budget, evaluations=times * found.evaluations(point),
                flops=float(budget * found.segments * found.flops), n=found.n,
                **bounds("right", mean(right, rng, draws.replicates)), **bounds("gain", against),
                p=None if itself else flip_test(right, found.plain, rng), p_holm=None, **bounds("over_longer", over),
                over_longer_p=None if same is None else flip_test(right, same, rng), over_longer_p_holm=None,
            )  # fmt: skip


def tested(row: ScalingRow) -> bool:
    """Whether a row is one of the comparisons that are corrected together: where it could differ at all."""
    return row.primary and row.on_curve and row.p is not None and row.reader not in ORACLES


def corrected(rows: Sequence[ScalingRow]) -> list[ScalingRow]:
    """The rows with Holm's p-values, over one family a kind of comparison."""
    first = holm([row.p if tested(row) else None for row in rows])
    second = holm([row.over_longer_p if tested(row) else None for row in rows])
    return [row.model_copy(update={"p_holm": a, "over_longer_p_holm": b}) for row, a, b in zip(rows, first, second)]


def _along(found: Grid, method: str) -> tuple[np.ndarray, np.ndarray]:
    """Budgets (P,) of a method's curve and the chance of right answers (P,N) by its own reader."""
    points = found.curve(method)
    read = READERS[found.reader(method)]
    return np.array([p.budget for p in points]), np.stack([read(found.at(method, p))[0] for p in points])


def averaged(budgets: np.ndarray, right: np.ndarray) -> np.ndarray:
    """(N,) right (P,N) averaged over log2 of compute from 1 to the last budget, by the trapezoid rule."""
    x = np.log2(budgets)
    if len(x) == 1:
        return np.asarray(right[0], dtype=float)
    return np.asarray(np.trapezoid(right, x, axis=0) / (x[-1] - x[0]))


def _area(found: Grid, method: str, rows: Sequence[ScalingRow], draws: Draws) -> AreaRow:
    budgets, right = _along(found, method)
    longer = dict(zip(*_along(found, PLAIN)))
    shared = [b in longer for b in budgets]
    base = averaged(budgets[shared], np.stack([longer[b] for b in budgets[shared]]))
    rng, mine = draws.stream("area", method), averaged(budgets[shared], right[shared])
    ahead = [row.budget for row in rows if row.method == method and row.primary and row.on_curve
             and row.over_longer_low is not None and row.over_longer_low > 0]  # fmt: skip
    return AreaRow(
        method=method, reader=found.reader(method), budget=int(budgets[shared][-1]),
        area=mean(mine, rng, draws.replicates), over_longer=mean_difference(mine, base, rng, draws.replicates),
        break_even=min(ahead, default=None),
    )  # fmt: skip


def _targets(rows: Sequence[ScalingRow]) -> list[TargetRow]:
    """The cheapest point, among the primary ones, by which each accuracy is reached; of equals the more accurate."""
    own = [row for row in rows if row.primary and row.right is not None]
    found = []
    for target in TARGETS:
        there = [row for row in own if (row.right or 0) >= target]
        if not there:
            found.append(TargetRow(target=target))
            continue
        row = min(there, key=lambda one: (one.budget, -(one.right or 0)))
        right = Interval(value=row.right, low=row.right_low, high=row.right_high, n=row.n)
        found.append(TargetRow(target=target, method=row.method, budget=row.budget, right=right))
    return found


def _risks(found: Grid, draws: Draws) -> tuple[list[ReaderRiskRow], list[RiskPoint]]:
    """How each reader orders its answers by trust, at the widest point of every method."""
    rows, curves = [], []
    for method in found.methods:
        for reader, read in found.readers.items():
            points = [point for point in found.curve(method) if point in found.read_by(reader, method)]
            if not points:
                continue
            point = points[-1]
            right, sure = read(found.at(method, point))
            if sure is None:
                continue
            area = aurc_interval(sure, right, draws.stream("risk", method, reader), draws.replicates)
            budget = point.budget * TANGENTS.get(reader, 1)
            rows.append(ReaderRiskRow(method=method, reader=reader, budget=budget, aurc=area,
                                      perfect=perfect_aurc(right)))  # fmt: skip
            coverage, risk = risk_coverage(sure, right)
            kept = np.unique(np.linspace(0, len(risk) - 1, min(CURVE_POINTS, len(risk))).round().astype(int))
            curves += [RiskPoint(method=method, reader=reader, coverage=float(coverage[i]), risk=float(risk[i]))
                       for i in kept]  # fmt: skip
    return rows, curves


def kinds_of_failure(fates: Artifact) -> np.ndarray:
    """(N,) what became of each puzzle's plain trajectory: right at the budget, out of time, or the name of its fate."""
    names: np.ndarray = np.array([str(name) for name in fates.meta["fates"]], dtype=object)[fates["fate"]]
    names[stays_right(fates)] = OUT_OF_TIME
    names[fates["right_budget"].astype(bool)] = RIGHT
    return names


def _freed(found: Grid, fates: Artifact, draws: Draws) -> list[FreedRow]:
    _, here, there = np.intersect1d(found.artifact["idx"], fates["idx"], return_indices=True)
    mine, other = (artifact.meta.get("dataset") for artifact in (found.artifact, fates))
    same = isinstance(mine, dict) and isinstance(other, dict) and all(
        mine.get(key) == other.get(key) for key in ("digest", "split")
    )  # fmt: skip
    if len(here) == 0 or not same:
        raise InputError(f"{shown(found.artifact.path)} and {shown(fates.path)} have no puzzle in common",
                         expected="fates of the same puzzles", run="rrdyn fate CKPT --n ... --seed ...")  # fmt: skip
    kinds = kinds_of_failure(fates)[there]
    rows = []
    for method in found.methods:
        point, reader = found.curve(method)[-1], found.reader(method)
        right = READERS[reader](found.at(method, point))[0][here]
        for kind in sorted(set(kinds)):
            share = mean(right[kinds == kind], draws.stream("freed", method, kind), draws.replicates)
            rows.append(FreedRow(method=method, reader=reader, fate=str(kind), budget=point.budget, freed=share))
    return rows
