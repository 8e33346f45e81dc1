"""What is asked of the increment: a base of cheap numbers, what may add to them, and each of them alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from rrdyn.analysis.areas import auc_intervals
from rrdyn.analysis.folds import FOLDS, SPLITS
from rrdyn.analysis.increment import SMALLEST_CLASS, measure
from rrdyn.analysis.puzzles import DRIFT_FLOOR, Puzzles
from rrdyn.artifacts.errors import InputError
from rrdyn.artifacts.npz import Artifact, read_npz
from rrdyn.artifacts.places import shown
from rrdyn.artifacts.results import AddedRecord, IncrementRecord
from rrdyn.artifacts.schemas import FATE
from rrdyn.runtime.streams import generator

OVER = "residual, drift and q_halt"
WEAK = (
    "q_halt alone does not tell right from wrong here (its interval holds .5): the base is weak, and what adds to it "
    "need not add to a halt head that was trained for long"
)
RARE = 5  # puzzles of a fate below which it has no indicator of its own
TOLD = {
    "log10_residual": "last residual",
    "log10_last_drift": "last drift",
    "log10_late_drift": "late drift",
    "q_halt": "last q_halt",
    "q_halt_max": "largest q_halt",
    "lambda_1": "lambda_1",
    "spectral_mean": "spectral mean",
    "log10_path": "whole path (placebo)",
}


@dataclass(frozen=True, kw_only=True)
class Predictors:
    """Numbers of the puzzles (N,), or (N, D): those everyone has, and those that may add something.

    `placebo` is the name of one that is as costly to explain as lambda_1 and is none: another statistic of drift.
    """

    base: dict[str, np.ndarray]
    added: dict[str, np.ndarray]
    placebo: str
    rows: np.ndarray = field(repr=False)
    """(N,) bool: puzzles for which all of them are known."""
    fates: dict[str, np.ndarray] = field(default_factory=dict)
    """What is known of the fate of some puzzles (N, D)."""
    fated: np.ndarray | None = None
    """(N,) bool: which ones."""
    warnings: list[str] = field(default_factory=list)


def predictors(puzzles: Puzzles, fate: Path | None = None) -> Predictors:
    """From a diagnosis, and from the fates of the same puzzles where a `fate.npz` is given.

    Raises InputError where the fates are of another checkpoint, or of none of the puzzles.
    """
    base = {
        "log10_last_drift": _log10(puzzles.drift_zH[:, -1]),
        "log10_late_drift": puzzles.log_late_drift(),
        "q_halt": puzzles.q_last,
        "q_halt_max": puzzles.q_halt.astype(float).max(axis=1),
    }
    rows = np.ones(puzzles.n, dtype=bool)
    if puzzles.residual is not None:
        last = puzzles.residual[:, -1]
        rows &= np.isfinite(last)
        base = {"log10_residual": _log10(np.where(np.isfinite(last), last, 1.0)), **base}
    added = {"lambda_1": puzzles.lambda_1, "spectral_mean": puzzles.spectral_mean,
             "log10_path": _log10(puzzles.drift_zH.sum(axis=1))}  # fmt: skip
    if puzzles.k == 1:
        added.pop("spectral_mean")
    warnings: list[str] = []
    fates: dict[str, np.ndarray] = {}
    fated = None
    if fate is not None:
        fates, fated = _of_fates(read_npz(fate, FATE), puzzles)
        if not fates:
            warnings.append(f"{shown(fate)}: all fates are alike, they have nothing to add")
    return Predictors(
        base=_different(base), added=added, placebo="log10_path", rows=rows, fates=fates, fated=fated,
        warnings=warnings,
    )  # fmt: skip


def fate_of(puzzles: Puzzles, read: Sequence[Artifact], *, alone: bool) -> Path | None:
    """The fate.npz of a diagnosis' own weights, None where there is none. `alone`: one diagnosis, to which one file
    belongs whatever it says."""
    if alone and len(read) == 1:
        return read[0].path
    return next((artifact.path for artifact in read if _same_weights(puzzles, artifact)), None)


def _same_weights(puzzles: Puzzles, artifact: Artifact) -> bool | None:
    """Whether both are of one file of weights, by its digest; None where one of them does not say."""
    ours, theirs = puzzles.meta.get("inputs"), artifact.meta.get("inputs")
    if not isinstance(ours, dict) or not isinstance(theirs, dict):
        return None
    return not set(ours.values()).isdisjoint(theirs.values())


def _log10(values: np.ndarray) -> np.ndarray:
    return np.asarray(np.log10(np.clip(values, DRIFT_FLOOR, None)))


def _different(base: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Without numbers that repeat an earlier one: with one late segment the last drift is the late drift."""
    kept: dict[str, np.ndarray] = {}
    for name, values in base.items():
        if not any(np.array_equal(values, other) for other in kept.values()):
            kept[name] = values
    return kept


def _of_fates(artifact: Artifact, puzzles: Puzzles) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Indicators of fates and the leading multiplier, in the rows of the puzzles; and which of them are known."""
    if _same_weights(puzzles, artifact) is False:
        raise InputError(
            f"{shown(artifact.path)} and {shown(puzzles.path)} are of two checkpoints",
            found=f"{', '.join(artifact.meta['inputs'])} and {', '.join(puzzles.meta['inputs'])}",
            expected="the same weights", run="rrdyn fate CKPT",
        )  # fmt: skip
    place = {int(idx): row for row, idx in enumerate(artifact["idx"])}
    at = np.array([place.get(int(idx), -1) for idx in puzzles.idx])
    known = at >= 0
    if not known.any():
        raise InputError(
            f"{shown(artifact.path)} holds none of the puzzles of {shown(puzzles.path)}",
            found=f"{len(place)} other puzzles", run="rrdyn fate CKPT with the same --n and --seed",
        )  # fmt: skip
    codes = artifact["fate"][at]
    counted = [code for code in np.unique(codes[known]) if (codes[known] == code).sum() >= RARE]
    columns = {"fate": np.column_stack([codes == code for code in counted[1:]]).astype(float)} if counted[1:] else {}
    if "multiplier_re" in artifact:
        size = np.hypot(artifact["multiplier_re"][:, 0], artifact["multiplier_im"][:, 0])[at]
        there = np.isfinite(size)
        if min(there[known].sum(), RARE) == RARE:
            log = np.log(np.clip(np.where(there, size, 1.0), 1e-12, None))
            columns["multiplier"] = np.column_stack([log, there]).astype(float)
    return columns, known


def increments(puzzles: Puzzles, *, fate: Path | None = None, seed: int = 0) -> IncrementRecord:
    """The increments of one label: over what, each number alone, each that is added, and one sentence."""
    found = predictors(puzzles, fate)
    label = puzzles.correct[found.rows]
    base = {name: values[found.rows] for name, values in found.base.items()}
    added = {name: values[found.rows] for name, values in found.added.items()}
    singles = {name: values for name, values in {**base, **added}.items() if values.ndim == 1}
    rng = generator(seed, "increment", "alone")
    alone = dict(zip(singles, auc_intervals(list(singles.values()), label, rng)))
    weak = [WEAK] if alone["q_halt"].covers(0.5) else []
    results = {one.added: one.record() for one in measure(base, added, label, seed=seed, over=OVER)}
    if found.fates and found.fated is not None:  # of fewer puzzles: their own base
        rows = found.rows & found.fated
        own, told = ({name: values[rows] for name, values in part.items()} for part in (found.base, found.fates))
        asked = measure(own, told, puzzles.correct[rows], seed=seed, over=OVER)
        results |= {one.added: one.record() for one in asked}
    few = int(min(label.sum(), (~label).sum()))
    return IncrementRecord(
        over=list(base), placebo=found.placebo, folds=FOLDS, splits=SPLITS, n=len(label), alone=alone, added=results,
        warnings=[*found.warnings, *weak],
        says=_says(results, found.placebo) if "lambda_1" in results
        else f"not measured: {few} puzzles in the smaller class, {SMALLEST_CLASS} are needed",
    )  # fmt: skip


def _says(added: Mapping[str, AddedRecord], name: str) -> str:
    """The sentence on lambda_1, with the placebo beside it."""
    placebo, first = added[name], added["lambda_1"]
    told = f"a placebo, {TOLD[name].split(' (')[0]}, {placebo.smooth.delta_auc:+.4f}"
    return f"{first.says}; {told}{', and is found to add too' if placebo.adds else ''}"
