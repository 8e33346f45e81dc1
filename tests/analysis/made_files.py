"""Artifacts with known content for the analysis tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from rrdyn.artifacts.npz import write_npz
from rrdyn.artifacts.schemas import DIAG, PERTURB, ROLLOUT

GOLDEN = Path(__file__).parents[1] / "golden" / "analysis"
ESTIMATOR = {"method": "tangents", "clock": "sub-update", "sub_updates_per_segment": 21, "k": 4, "qr_every": "substep"}


def diagnosis(
    n: int = 300, segments: int = 16, k: int = 4, seed: int = 0, accuracy: float = 0.55, maze: bool = False
) -> dict[str, np.ndarray]:
    """Two modes of late drift; exponents follow the mode and, a little, the answer."""
    rng = np.random.default_rng(seed)
    correct = rng.random(n) < accuracy
    settled = np.where(correct, rng.random(n) < 0.9, rng.random(n) < 0.1)
    late = np.where(settled, rng.normal(-1.8, 0.3, n), rng.normal(1.5, 0.3, n))
    drift = 10.0 ** (late[:, None] + rng.normal(0, 0.1, (n, segments)))
    first = np.where(settled, -0.15, 0.03) + rng.normal(0, 0.03, n) - 0.02 * correct
    exponents = first[:, None] - 0.01 * np.arange(k)
    halt = np.where(correct, 1.0, -1.0)[:, None] + rng.normal(0, 2, (n, segments))
    growth = exponents[:, None] * 21 + rng.normal(0, 0.2, (n, segments, k))
    arrays = {
        "drift_zH": drift.astype(np.float32),
        "drift_zL": (1.3 * drift).astype(np.float32),
        "q_halt": halt.astype(np.float32),
        "q_continue": (-halt).astype(np.float32),
        "lyap_spec": exponents.astype(np.float32),
        "exact_correct": correct.astype(np.float32),
        "token_acc": np.where(correct, 1.0, rng.random(n)).astype(np.float32),
        "halted_at": np.where(correct, 5, segments).astype(np.int32),
        "idx": np.arange(n),
        "log_r": growth.astype(np.float32),
        "difficulty": rng.integers(0, 50, n).astype(np.float32),
    }
    if maze:
        arrays["path_valid"] = correct | (rng.random(n) < 0.2)
    return arrays


def write_diagnosis(path: Path, arrays: dict[str, np.ndarray] | None = None, **meta: Any) -> Path:
    return write_npz(path, DIAG, arrays or diagnosis(), meta)


def write_rollout(
    path: Path, *, rate: float, n: int = 400, horizon: int = 128, stuck: float = 0.0, seed: int = 0, **meta: Any
) -> Path:
    """Exponential escapes; a share `stuck` settles on a wrong answer and stays there."""
    rng = np.random.default_rng(seed)
    time = np.ceil(rng.exponential(1 / rate, n)).astype(int)
    settled_wrong = rng.random(n) < stuck
    time[settled_wrong] = 10**6
    exact = np.arange(1, horizon + 1)[None] >= time[:, None]
    still = exact | settled_wrong[:, None]
    drift = np.where(still, 10 ** rng.normal(-2, 0.3, exact.shape), 10 ** rng.normal(1, 0.2, exact.shape))
    arrays = {"exact": exact, "drift": drift.astype(np.float32), "idx": np.arange(n)}
    return write_npz(path, ROLLOUT, arrays, meta)


def write_restarts(path: Path, arrays: dict[str, np.ndarray], **meta: Any) -> Path:
    return write_npz(path, PERTURB, arrays, meta)
