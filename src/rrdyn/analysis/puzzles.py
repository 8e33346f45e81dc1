"""A diagnostic file as the analysis sees it: one row a puzzle, with the estimator its exponents came from."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from rrdyn.analysis.clock import sub_updates_per_segment
from rrdyn.analysis.labelled import labelled
from rrdyn.artifacts.errors import InputError, NumericalError, notice
from rrdyn.artifacts.files import dump_json
from rrdyn.artifacts.npz import Artifact, read_npz
from rrdyn.artifacts.places import resolved, shown
from rrdyn.artifacts.record import Meta
from rrdyn.artifacts.schemas import DIAG

LATE_SEGMENTS = 4
"""Of the source study, whose budget is 16."""
MOTIONS = {"drift": "late drift", "return": "late return distance"}
"""What a state's motion may be judged by, and its name."""
KINDS = ("diag", "diagnosis", "rollout", "perturb", "fate", "scale")  # what file names begin with, before the model's
CLIPPED = -69.0  # log 1e-30 is -69.08
DRIFT_FLOOR = 1e-12  # drifts at or below are exact zeros: the state no longer changes in its dtype


@dataclass(frozen=True, kw_only=True)
class Puzzles:
    """N puzzles over S segments with k exponents. float64 where nothing else is said; `correct` is the label in use."""

    path: Path
    correct: np.ndarray  # (N,) bool
    exponents: np.ndarray  # (N, k) nats per sub-update, descending
    drift_zH: np.ndarray  # (N, S) L2 per segment
    drift_zL: np.ndarray  # (N, S); that of the only part where the state has one
    q_halt: np.ndarray  # (N, S) logit, in the dtype of the file
    token_acc: np.ndarray  # (N,)
    halted_at: np.ndarray  # (N,) segments, 1-based
    idx: np.ndarray  # (N,)
    path_valid: np.ndarray | None = None  # (N,) bool
    difficulty: np.ndarray | None = None  # (N,)
    log_r: np.ndarray | None = None  # (N, S, k) nats per segment
    residual: np.ndarray | None = None  # (N, S) of the joint state
    return_distance: np.ndarray | None = None  # (N, S, P) of the largest norm, NaN where t < p
    native_log_drift: np.ndarray  # (N,) log10 late drift in the dtype of the file, as the source study's series has it
    meta: Meta
    late: int
    """Segments that count as late."""
    clipped: int = 0
    """Puzzles of which a log was clipped on the way to an exponent."""
    settled_by: str = "drift"
    """Of `MOTIONS`: what the threshold between settled and unsettled is set on."""
    dropped: int = 0
    """Puzzles left out for numbers that are not finite."""
    unlabelled: int = 0
    """Puzzles left out because nothing is asked of them."""

    @property
    def n(self) -> int:
        return len(self.correct)

    @property
    def k(self) -> int:
        return int(self.exponents.shape[1])

    @property
    def segments(self) -> int:
        return int(self.drift_zH.shape[1])

    @property
    def lambda_1(self) -> np.ndarray:
        return self.exponents[:, 0]

    @property
    def spectral_mean(self) -> np.ndarray:
        """Mean of the k measured exponents (N,)."""
        return np.asarray(self.exponents.mean(axis=1))

    @property
    def q_last(self) -> np.ndarray:
        return self.q_halt[:, -1].astype(float)

    @property
    def step(self) -> int | None:
        """Training step of the checkpoint: from the file's provenance, else from its name or its folders' names."""
        for holder in (self.meta, self.meta.get("checkpoint"), self.meta.get("model")):
            if isinstance(holder, dict) and isinstance(holder.get("step"), int):
                return int(holder["step"])
        found = re.findall(r"step[_-]?(\d+)", str(self.path))
        return int(found[-1]) if found else None

    @property
    def estimator(self) -> Meta | None:
        found = self.meta.get("estimator")
        return found if isinstance(found, dict) else None

    @property
    def sub_updates(self) -> int | None:
        """Sub-updates (= module evaluations) in one segment, where the file says so."""
        return sub_updates_per_segment(self.meta)

    def late_drift(self, latent: str = "zH") -> np.ndarray:
        """Mean drift over the last `late` segments, (N,)."""
        drift = self.drift_zH if latent == "zH" else self.drift_zL
        return np.asarray(drift[:, -self.late :].mean(axis=1))

    def log_late_drift(self, latent: str = "zH") -> np.ndarray:
        """log10 of the late drift, clipped at 1e-12."""
        return np.asarray(np.log10(np.clip(self.late_drift(latent), DRIFT_FLOOR, None)))

    def log_motion(self) -> np.ndarray:
        """log10 of what tells settled from unsettled (N,): late drift, or the late return distance.

        The latter is the mean over the last `late` segments of the distance to the state p segments before, for the p
        that makes it smallest: one round trip, p at most half of the segments, so that a cycle has settled too.
        """
        if self.settled_by == "drift":
            return self.log_late_drift()
        assert self.return_distance is not None
        periods = max(1, self.segments // 2)
        late = self.return_distance[:, -self.late :, :periods].mean(axis=1)
        return np.asarray(np.log10(np.clip(np.nanmin(late, axis=1), DRIFT_FLOOR, None)))

    def under(self, label: str) -> Puzzles:
        """The same puzzles judged by another label: "exact_correct" or "path_valid"."""
        if label == "exact_correct" or self.path_valid is None:
            return self
        return replace(self, correct=self.path_valid)


def late_window(segments: int) -> int:
    """How many of so many segments count as late: a quarter, at least one and at most four."""
    return max(1, min(LATE_SEGMENTS, segments // 4))


def read_puzzles(
    path: Path | str, *, keep_all: bool = False, late: int | None = None, settled_by: str = "drift"
) -> Puzzles:
    """Read a diag.npz of ours or of the source study; `late` instead of `late_window` of its segments.

    Rows with a value that is not finite are dropped and told; with `keep_all` they are refused instead. Puzzles
    without a label are left out and told.
    Raises InputError for a file without rows, or without return distances where they are to tell what has settled;
    NumericalError for a file without a usable row.
    """
    artifact = read_npz(path, DIAG)
    if len(artifact["exact_correct"]) == 0 or artifact["drift_zH"].shape[1] == 0 or artifact["lyap_spec"].shape[1] == 0:
        raise InputError(
            f"{path} holds nothing to analyse",
            found=f"drift_zH {artifact['drift_zH'].shape}, lyap_spec {artifact['lyap_spec'].shape}",
            expected="at least one puzzle, one segment and one exponent",
            run="rrdyn diagnose CKPT",
        )
    if settled_by == "return" and "return_distance" not in artifact:
        raise InputError(
            f"{shown(artifact.path)} holds no return_distance", found=", ".join(artifact),
            expected="the distance of each state to the one p segments before",
            run="rrdyn diagnose CKPT, or --settled drift",
        )  # fmt: skip
    for key in {"drift_zH", "drift_zL"} & artifact.keys():
        negative = artifact[key][artifact[key] < 0]
        if negative.size:
            raise InputError(f"{path}: {key} is negative", found=negative.min(), expected="norms, at least 0")
    artifact, unlabelled = labelled(artifact)
    usable = _usable_rows(artifact)
    bad = int((~usable).sum())
    if bad == len(usable):
        raise NumericalError(
            f"{path}: no puzzle has finite numbers",
            found=f"{bad} of {len(usable)} rows with NaN or infinity",
            expected="finite drift, lyap_spec, q_halt and token_acc",
            run="rrdyn diagnose CKPT --dtype float32",
        )
    if bad and keep_all:
        raise NumericalError(
            f"{path}: {bad} of {len(usable)} puzzles have numbers that are not finite",
            expected="finite rows only: the source study's formulas give NaN or stop on them",
            run="the same command without --compat, which drops these rows and says so",
        )
    if bad:
        notice(f"{path}: dropped {bad} of {len(usable)} puzzles with NaN or infinity in them")
    window = late or late_window(artifact["drift_zH"].shape[1])
    return replace(_build(artifact, usable, bad, window), unlabelled=unlabelled, settled_by=settled_by)


def _usable_rows(artifact: Artifact) -> np.ndarray:
    n = len(artifact["exact_correct"])
    usable = np.ones(n, dtype=bool)
    for key in {"drift_zH", "drift_zL", "lyap_spec", "token_acc", "exact_correct", "q_halt"} & artifact.keys():
        usable &= np.isfinite(artifact[key]).reshape(n, -1).all(axis=1)
    return usable


def _build(artifact: Artifact, usable: np.ndarray, dropped: int, late: int) -> Puzzles:
    def rows(key: str, kind: type = float) -> np.ndarray:
        array = artifact[key]
        return (array if dropped == 0 else array[usable]).astype(kind)

    def optional(key: str, kind: type = float) -> np.ndarray | None:
        return rows(key, kind) if key in artifact else None

    return Puzzles(
        path=artifact.path,
        correct=rows("exact_correct", int) == 1,
        exponents=rows("lyap_spec"),
        drift_zH=rows("drift_zH"),
        drift_zL=rows("drift_zL" if "drift_zL" in artifact else "drift_zH"),
        q_halt=artifact["q_halt"][usable],
        token_acc=rows("token_acc"),
        halted_at=rows("halted_at"),
        idx=rows("idx", np.int64),
        path_valid=None if "path_valid" not in artifact else rows("path_valid", int) == 1,
        difficulty=optional("difficulty"),
        log_r=optional("log_r"),
        residual=optional("residual"),
        return_distance=optional("return_distance"),
        native_log_drift=np.log10(
            np.clip(artifact["drift_zH"][usable][:, -LATE_SEGMENTS:].mean(axis=1), DRIFT_FLOOR, None)
        ),
        meta=artifact.meta,
        late=late,
        clipped=_clipped(artifact, usable),
        dropped=dropped,
    )


def _clipped(artifact: Artifact, usable: np.ndarray) -> int:
    """Puzzles with a clipped log, as counted; by `log_r` where no one counted, a segment of -69 nats being none."""
    if "clipped" in artifact:
        return int((artifact["clipped"][usable] > 0).sum())
    if "log_r" not in artifact:
        return 0
    return int((artifact["log_r"][usable] <= CLIPPED).any(axis=(1, 2)).sum())


def same_estimator(puzzles: Sequence[Puzzles]) -> None:
    """Refuse to put exponents of two estimators (or two clocks, or two k) side by side.

    Files that do not say where their exponents came from are let through with a notice.
    """
    named = [(p.path, {"k": p.k, **p.estimator}) for p in puzzles if p.estimator is not None]
    for path, estimator in named[1:]:
        _refuse_if_different(named[0][0], named[0][1], path, estimator)
    for other in puzzles[1:]:
        _refuse_if_different(puzzles[0].path, {"k": puzzles[0].k}, other.path, {"k": other.k})
    unnamed = [p.path for p in puzzles if p.estimator is None]
    if unnamed and named:
        notice(
            f"{unnamed[0]} does not say which estimator its exponents came from; "
            f"{named[0][0]} does. Compare their exponents only if you know that they agree"
        )


def _refuse_if_different(path: Path, estimator: Meta, other_path: Path, other: Meta) -> None:
    keys = sorted(key for key in {*estimator, *other} if estimator.get(key) != other.get(key))
    if keys:
        raise InputError(
            "these files hold exponents of two estimators, which must not be compared",
            found=f"{path}: {_only(estimator, keys)}; {other_path}: {_only(other, keys)}",
            expected="files of one estimator: the same clock, QR cadence, k, dtype and warm-up",
            run="one command for each estimator, or rrdyn diagnose again with the same settings",
        )


def _only(estimator: Meta, keys: list[str]) -> str:
    return dump_json({key: estimator.get(key) for key in keys}, indent=None)


def tags(paths: Sequence[Path]) -> list[str]:
    """A short name for each file, all different: its name without `diag_`, `fate_` and the like, with folders where
    needed, so that the files of one model share a name."""
    depth = 1
    while True:
        found = [_tag(path, depth) for path in paths]
        if len(set(found)) == len(found):
            return found
        if depth > max(len(resolved(path).parts) for path in paths):
            return [f"{name}_{place}" for place, name in enumerate(found)]
        depth += 1


def _tag(path: Path, depth: int) -> str:
    stem = re.sub(rf"^({'|'.join(KINDS)})[_-]", "", path.stem)
    parts = [*resolved(path).parts[-depth:-1], stem] if depth > 1 else [stem]
    while len(parts) > 1 and parts[-1] in KINDS:
        parts.pop()
    return re.sub(r"[^A-Za-z0-9.+-]+", "_", "_".join(parts)).strip("_") or "diag"
