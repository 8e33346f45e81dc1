"""How long the 2x2 analysis takes: python benchmarks/analysis.py [--large] [--figures]

Sizes: n = 8,192 with 2,000 bootstrap replicates, n = 1,000,000 with closed forms, and a million-row AUC
beside scikit-learn's, interleaved.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from sklearn.metrics import roc_auc_score

from rrdyn.analysis.batch import analyze_files
from rrdyn.analysis.ranks import auc
from rrdyn.artifacts.npz import write_npz
from rrdyn.artifacts.schemas import DIAG


def made(n: int, path: Path, *, large: bool = False, segments: int = 16, k: int = 8, seed: int = 0) -> Path:
    """A diagnostic file like the source study's: two modes of late drift, exponents that follow them, ties in none."""
    rng = np.random.default_rng(seed)
    correct = rng.random(n) < 0.55
    settled = np.where(correct, rng.random(n) < 0.95, rng.random(n) < 0.05)
    late = np.where(settled, rng.normal(-1.8, 0.4, n), rng.normal(1.6, 0.25, n))
    drift = (10.0 ** (late[:, None] + rng.normal(0, 0.1, (n, segments)))).astype(np.float32)
    first = np.where(settled, -0.15, 0.03) + rng.normal(0, 0.03, n) - 0.01 * correct
    exponents = first[:, None] - np.cumsum(rng.gamma(2.0, 0.005, (n, k)), axis=1)
    halt = np.where(correct, 2.5, -3.0)[:, None] + rng.normal(0, 2, (n, segments))
    arrays = {
        "drift_zH": drift,
        "drift_zL": drift * 1.3,
        "q_halt": halt.astype(np.float32),
        "q_continue": (-halt).astype(np.float32),
        "lyap_spec": exponents.astype(np.float32),
        "exact_correct": correct,
        "token_acc": np.where(correct, 1.0, rng.random(n)).astype(np.float32),
        "halted_at": np.where(correct, rng.integers(2, 16, n), 16),
        "idx": np.arange(n),
    }
    if not large:
        arrays["log_r"] = (exponents[:, None] * 21 + rng.normal(0, 0.5, (n, segments, k))).astype(np.float32)
        arrays["difficulty"] = rng.integers(0, 60, n).astype(np.float32)
    return write_npz(path, DIAG, arrays, {})


def clocked(work: Callable[[], object], repeats: int) -> list[tuple[float, float]]:
    """(wall seconds, CPU seconds) of each repeat: on a shared machine only the second says what the work costs."""
    times = []
    for _ in range(repeats):
        start, cpu = time.perf_counter(), time.process_time()
        work()
        times.append((time.perf_counter() - start, time.process_time() - cpu))
    return times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--large", action="store_true", help="also n = 1,000,000")
    parser.add_argument("--figures", action="store_true", help="also with the figures")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out"
        path = made(8192, Path(folder) / "diag_8k.npz")
        report("n = 8,192, 2,000 replicates, no figures", clocked(lambda: analyze_files([path]).write(out), 3))
        report("n = 8,192, --compat, no figures", clocked(lambda: analyze_files([path], compat=True).write(out), 3))
        if options.figures:
            from rrdyn.plotting import two_by_two

            def everything() -> None:
                analyze_files([path]).write(out)
                two_by_two.draw(out, "8k")

            report("n = 8,192 with figures", clocked(everything, 2))
        if options.large:
            path = made(1_000_000, Path(folder) / "diag_1m.npz", large=True)
            report("n = 1,000,000, closed forms, no figures", clocked(lambda: analyze_files([path]).write(out), 1))
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
            print(f"peak memory {peak:.2f} GiB")
    rng = np.random.default_rng(0)
    label = rng.random(1_000_000) < 0.5
    for name, score in (
        ("distinct", rng.normal(size=len(label)) + label),
        ("ties", rng.integers(0, 99, len(label)) + label),
    ):
        ours, theirs = [], []
        for _ in range(7):
            ours += clocked(lambda s=score: auc(s, label), 1)  # type: ignore[misc]
            theirs += clocked(lambda s=score: roc_auc_score(label, s), 1)  # type: ignore[misc]
        ratio = np.median([cpu for _, cpu in theirs]) / np.median([cpu for _, cpu in ours])
        report(f"AUC of 1,000,000 rows, {name}", ours)
        report("  scikit-learn's, interleaved", theirs)
        print(f"  {ratio:.2f} times as fast")


def report(what: str, times: list[tuple[float, float]]) -> None:
    print(f"{what}: {spread(times, 0)} s, CPU {spread(times, 1)} s, {len(times)} runs", flush=True)


def spread(times: list[tuple[float, float]], which: int) -> str:
    chosen = [pair[which] for pair in times]
    return f"{min(chosen):.3f}-{max(chosen):.3f}"


if __name__ == "__main__":
    main()
