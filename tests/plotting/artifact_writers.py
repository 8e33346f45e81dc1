"""Small artifacts with known content: a 4x4 Sudoku dataset, its diagnosis, states, toy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from rrdyn.artifacts.npz import write_npz
from rrdyn.artifacts.schemas import DIAG, PERTURB, ROLLOUT, STATES, TOY
from rrdyn.data.folder import new_dataset, write_split
from rrdyn.data.sudoku.kind import Sudoku
from rrdyn.data.writer import write_record
from rrdyn.runtime.streams import generator

SEGMENTS, EXPONENTS, SUB_UPDATES = 16, 4, 21
SOLUTION = np.array([[1, 2, 3, 4], [3, 4, 1, 2], [2, 1, 4, 3], [4, 3, 2, 1]])


def dataset(path: Path, n: int = 40) -> Path:
    """`n` test puzzles of 4x4 Sudoku: relabelled copies of one grid, half of the cells blank."""
    puzzle = Sudoku(4)
    rng = generator(0, "plotting", "dataset")
    labels = np.stack([(rng.permutation(4) + 1)[SOLUTION - 1].ravel() + 1 for _ in range(n)]).astype(np.uint8)
    inputs = np.where(rng.random(labels.shape) < 0.5, 1, labels).astype(np.uint8)
    with new_dataset(path) as folder:
        write_record(folder, name="tiny <sudoku>", puzzle=puzzle, source="written by a test")
        for split in ("train", "test"):
            write_split(folder, split, puzzle, inputs, labels)
    return path


def diag(path: Path, data: Path, n: int = 40, *, meta: dict[str, Any] | None = None) -> Path:
    """A diagnosis of the first `n` test puzzles: three in five settle and are right, one in ten settles wrong."""
    rng = generator(1, "plotting", "diag")
    labels = np.load(data / "test" / "all__labels.npy")[:n]
    kind = np.array(["A"] * (n * 6 // 10) + ["B"] * (n // 10) + ["C"] * (n // 10) + ["D"] * n)[:n]
    settled, right = np.isin(kind, ["A", "B"]), np.isin(kind, ["A", "C"])
    t = np.arange(SEGMENTS)
    speed = np.where(settled[:, None], 30 * np.exp(-0.6 * t), 12.0) * np.exp(0.25 * rng.normal(size=(n, SEGMENTS)))
    lam = (
        np.where(settled, -0.12, 0.03)[:, None] - 0.012 * np.arange(EXPONENTS) + 0.01 * rng.normal(size=(n, EXPONENTS))
    )
    lam = -np.sort(-lam, axis=1)
    log_r = SUB_UPDATES * lam[:, None, :] * np.ones((1, SEGMENTS, 1))
    solved_at = np.where(right, rng.integers(2, 9, n), SEGMENTS + 1)
    preds = np.repeat(labels[:, None], SEGMENTS, axis=1).astype(np.uint8)
    for row in range(n):
        for segment in range(min(SEGMENTS, solved_at[row])):
            cells = rng.choice(16, size=max(1, 8 - segment // 2), replace=False)
            preds[row, segment, cells] = 2 + (preds[row, segment, cells] - 1) % 4
    q_halt = np.where(t[None] + 1 > solved_at[:, None], 3.0, -2.0) + 0.3 * rng.normal(size=(n, SEGMENTS))
    arrays = {
        "drift_zH": speed.astype(np.float32),
        "drift_zL": (1.4 * speed).astype(np.float32),
        "q_halt": q_halt.astype(np.float32),
        "q_continue": np.zeros((n, SEGMENTS), dtype=np.float32),
        "lyap_spec": lam.astype(np.float32),
        "exact_correct": right,
        "token_acc": (preds[:, -1] == labels).mean(axis=1).astype(np.float32),
        "halted_at": np.where((q_halt > 0).any(axis=1), (q_halt > 0).argmax(axis=1) + 1, SEGMENTS),
        "idx": np.arange(n),
        "log_r": log_r.astype(np.float32),
        "preds": preds,
    }
    told = {
        "seed": 0,
        "step": 1000,
        "estimator": {"clock": "sub-update", "sub_updates_per_segment": SUB_UPDATES, "k": EXPONENTS},
        "dataset": {"name": "tiny <sudoku>", "path": str(data), "split": "test"},
        "command": "rrdyn diagnose runs/x",
    }
    return write_npz(path, DIAG, arrays, {**told, **(meta or {})})


def states(path: Path) -> Path:
    """Two trajectories of 17 states: a spiral in a plane and a random walk."""
    rng = generator(2, "plotting", "states")
    t = np.linspace(0, 3 * np.pi, 17)
    plane = rng.normal(size=(2, 4 * 8))
    spiral = (np.exp(-0.2 * t)[:, None] * np.column_stack([np.cos(t), np.sin(t)]) @ plane).reshape(17, 4, 8)
    walk = np.cumsum(rng.normal(size=(17, 4, 8)), axis=0)
    both = np.stack([spiral, walk]).astype(np.float32)
    return write_npz(path, STATES, {"z_H": both, "z_L": both, "idx": np.array([5, 9])}, {})


def toy(path: Path, n: int = 400) -> Path:
    """Three readout times, two seeds: the longer, the more successes; none fails at the last."""
    rng = generator(3, "plotting", "toy")
    times, seeds = np.array([4, 16, 64]), np.array([0, 1])
    success = rng.random((3, 2, n)) < np.array([0.2, 0.6, 1.0])[:, None, None]
    ftle = np.where(success, -0.3, 0.6) + 0.15 * rng.normal(size=success.shape)
    return write_npz(path, TOY, {"T": times, "seeds": seeds, "ftle": ftle, "success": success}, {})


def rollout(path: Path, n: int = 60, segments: int = 64) -> Path:
    """Half is right from early on; the others escape at a constant rate."""
    rng = generator(4, "plotting", "rollout")
    first = np.where(np.arange(n) < n // 2, rng.integers(2, 12, n), 16 + np.ceil(rng.exponential(20, n)).astype(int))
    exact = np.arange(1, segments + 1)[None] >= first[:, None]
    drift = np.where(exact, 0.01, 9.0) * (1 + 0.1 * rng.random((n, segments)))
    arrays = {"exact": exact, "drift": drift.astype(np.float32), "idx": np.arange(n)}
    return write_npz(path, ROLLOUT, arrays, {"estimator": {"sub_updates_per_segment": SUB_UPDATES}, "seed": 0})


def perturb(path: Path, n: int = 50, restarts: int = 4, segments: int = 20) -> Path:
    """Restarts solve more of the failures the larger the noise, up to a point."""
    rng = generator(5, "plotting", "perturb")
    sigmas = np.array([0.0, 0.1, 0.3, 1.0])
    base = np.arange(n) < n // 2
    chance = np.where(base[:, None], 0.95, np.array([0.02, 0.3, 0.6, 0.4])[None])
    solve = rng.random((n, 4, restarts)) < chance[:, :, None]
    solve[:, 0] = solve[:, 0, :1]
    reached = np.where(solve, rng.integers(4, 16, solve.shape), segments + 1)
    correct = np.arange(1, segments + 1) >= reached[..., None]
    q_halt = np.where(correct, 2.0, -2.0) + rng.normal(size=correct.shape)
    shape = correct.shape
    arrays = {
        "solve": solve,
        "base": base,
        "sigmas": sigmas,
        "idx": np.arange(n),
        "correct": correct,
        "q_halt": q_halt.astype(np.float32),
        "drift": np.where(correct, 0.1, 5.0).astype(np.float32) * (1 + rng.random(shape)).astype(np.float32),
        "preds": np.where(solve[..., None], 2, rng.integers(2, 6, (*solve.shape, 16))).astype(np.uint8),
    }
    return write_npz(path, PERTURB, arrays, {"seed": 0, "settings": {"readout": 16}})
