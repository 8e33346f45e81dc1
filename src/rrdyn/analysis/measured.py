"""What of a measurement can be set beside another of the same puzzles: yes-or-no columns, numbers, scores, classes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from rrdyn.analysis.cells import letters
from rrdyn.analysis.clock import budget
from rrdyn.analysis.fates import read_fates
from rrdyn.analysis.labelled import ASKED
from rrdyn.analysis.puzzles import DRIFT_FLOOR, MOTIONS, Puzzles, late_window, read_puzzles, same_estimator
from rrdyn.analysis.settled import thresholds
from rrdyn.analysis.thresholds import Tau
from rrdyn.artifacts.errors import InputError, notice
from rrdyn.artifacts.npz import Artifact, read_npz
from rrdyn.artifacts.places import shown
from rrdyn.artifacts.record import Meta
from rrdyn.artifacts.schemas import SCHEMAS

CELLS = ("A", "B", "C", "D")
NUMBERS = {
    "lambda_1": "lambda_1, nats per sub-update",
    "log10_late_drift": "log10 late drift",
    "token_acc": "share of tokens right",
    "halted_at": "segment that halts",
    "lambda_late": "late exponent, nats per sub-update",
    "settled_at": "segment from which it is settled",
}
"""Columns of numbers that are compared, and what they say."""
SCORES = {
    "neg_lambda_1": "-lambda_1 -> right",
    "neg_log10_late_drift": "-log late drift -> right",
    "q_halt": "last q_halt -> right",
}
"""Scores whose AUCs are compared, and what they are asked to tell."""


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One file's puzzles that something is asked of, (N,) each."""

    path: Path
    kind: str
    """Name of the file's schema."""
    meta: Meta
    idx: np.ndarray
    right: dict[str, np.ndarray]
    """Yes-or-no columns by the names of `paired.RIGHT`."""
    numbers: dict[str, np.ndarray] = field(default_factory=dict)
    """By the names of `NUMBERS`; NaN where a puzzle has none."""
    scores: dict[str, np.ndarray] = field(default_factory=dict)
    """By the names of `SCORES`; their label is the first column of `right`."""
    names: tuple[str, ...] = ()
    """Of its classes, fates or cells; none for other files."""
    classes: np.ndarray | None = None
    """(N,) codes into `names`."""
    notes: tuple[str, ...] = ()


def read_measured(paths: Sequence[Path | str], tau: Tau) -> list[Measured]:
    """The columns of files of one kind: diag, fate, rollout or perturb.

    Cells of the 2x2 follow the threshold that `rrdyn analyze-2x2` gives each file for `tau`.
    Raises InputError for files of other kinds, of two kinds, or of two estimators.
    """
    kinds = [_kind(path) for path in paths]
    if len(set(kinds)) > 1:
        raise InputError(f"{shown(Path(paths[0]))} and {shown(Path(paths[1]))} are not of one kind", found=kinds[1],
                         expected=kinds[0])  # fmt: skip
    if kinds[0] == "diag":
        return of_diagnoses([read_puzzles(path) for path in paths], tau)
    if kinds[0] == "fate":
        return [of_fates(read_fates(path)) for path in paths]
    return [OTHERS[kinds[0]](read_npz(path, SCHEMAS[kinds[0]])) for path in paths]


def _kind(path: Path | str) -> str:
    artifact = read_npz(path)
    known = ("diag", "fate", *OTHERS)
    said = artifact.meta.get("schema")
    if said in known:
        return str(said)
    fits = next((name for name in known if {k for k, a in SCHEMAS[name].arrays.items() if a.required} <= {*artifact}),
                None)  # fmt: skip
    if fits is None:
        raise InputError(f"{shown(artifact.path)} is nothing that is compared puzzle by puzzle",
                         found=said or ", ".join(artifact), expected="a diag, fate, rollout or perturb file",
                         run="rrdyn diagnose CKPT, or rrdyn fate CKPT")  # fmt: skip
    return fits


def of_diagnoses(series: Sequence[Puzzles], tau: Tau) -> list[Measured]:
    """Of diagnostic files of one estimator."""
    same_estimator(series)
    return [_of_puzzles(puzzles, found.tau, found.one_mode) for puzzles, found in zip(series, thresholds(series, tau))]


def _of_puzzles(puzzles: Puzzles, tau: float, one_mode: bool) -> Measured:
    drift = puzzles.log_late_drift()
    cells = letters(puzzles.log_motion() < tau, puzzles.correct)
    valid = {} if puzzles.path_valid is None else {"path_valid": puzzles.path_valid}
    numbers = {"lambda_1": puzzles.lambda_1, "log10_late_drift": drift, "token_acc": puzzles.token_acc,
               "halted_at": puzzles.halted_at}  # fmt: skip
    scores = {"neg_lambda_1": -puzzles.lambda_1, "neg_log10_late_drift": -drift, "q_halt": puzzles.q_last}
    note = f"{shown(puzzles.path)}: {MOTIONS[puzzles.settled_by]} has one mode, the cells are not told apart by it"
    return Measured(
        path=puzzles.path, kind="diag", meta=puzzles.meta, idx=puzzles.idx, numbers=numbers, scores=scores,
        right={"exact_correct": puzzles.correct, **valid}, names=CELLS,
        classes=np.searchsorted(CELLS, cells), notes=(note,) if one_mode else (),
    )  # fmt: skip


def of_fates(artifact: Artifact) -> Measured:
    """Of a read fate.npz."""
    rows = _asked(artifact)
    settled = artifact["settled_at"][rows].astype(float) if "settled_at" in artifact else None
    numbers = {"lambda_late": artifact["lambda_late"][rows]} if "lambda_late" in artifact else {}
    if settled is not None:
        numbers["settled_at"] = np.where(settled < 0, np.nan, settled)
    right = {name: artifact[name][rows].astype(bool) for name in ("right_budget", "right_end")}
    return _measured(artifact, rows, right, numbers, names=tuple(artifact.meta["fates"]),
                     classes=artifact["fate"][rows].astype(int))  # fmt: skip


def _of_rollout(artifact: Artifact) -> Measured:
    rows, exact, drift = _asked(artifact), artifact["exact"].astype(bool), artifact["drift"].astype(float)
    segment = budget(artifact.meta)
    late = drift[:, -late_window(drift.shape[1]) :].mean(axis=1)
    numbers = {"log10_late_drift": np.log10(np.clip(late, DRIFT_FLOOR, None))[rows]}
    right = {"right_end": exact[rows, -1]}
    if segment is not None and segment <= exact.shape[1]:
        right = {"right_budget": exact[rows, segment - 1], **right}
    return _measured(artifact, rows, right, numbers)


def _of_perturbation(artifact: Artifact) -> Measured:
    rows = _asked(artifact)
    return _measured(artifact, rows, {"base": artifact["base"][rows].astype(bool)}, {})


OTHERS: dict[str, Callable[[Artifact], Measured]] = {"rollout": _of_rollout, "perturb": _of_perturbation}


def _measured(
    artifact: Artifact,
    rows: np.ndarray,
    right: dict[str, np.ndarray],
    numbers: dict[str, np.ndarray],
    names: tuple[str, ...] = (),
    classes: np.ndarray | None = None,
) -> Measured:
    if "idx" not in artifact:
        raise InputError(f"{shown(artifact.path)} does not say which puzzles it is of", found=", ".join(artifact),
                         expected="an array idx", run="measure it again")  # fmt: skip
    return Measured(path=artifact.path, kind=str(artifact.meta.get("schema", "")), meta=artifact.meta,
                    idx=artifact["idx"][rows], right=right, numbers=numbers, names=names, classes=classes)  # fmt: skip


def _asked(artifact: Artifact) -> np.ndarray:
    """Rows of which something is asked (N,) bool; the others are told."""
    n = len(next(iter(artifact.arrays.values())))
    rows = artifact[ASKED] > 0 if ASKED in artifact else np.ones(n, dtype=bool)
    if not rows.all():
        notice(f"{shown(artifact.path)}: {int((~rows).sum())} of {n} puzzles have no label: left out, of n too")
    return np.asarray(rows)
