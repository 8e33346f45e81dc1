"""Batch-means intervals of Henon's exponents cover their true value as often as they say."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from rrdyn.dynamics import lyapunov_spectrum, maps
from rrdyn.dynamics.exponents import batch_means


def coverage(starts: int, steps: int) -> tuple[float, float]:
    """Share of starts whose 95% interval holds the mean over all, and that mean."""
    system = maps.henon()
    shifts = torch.from_numpy(np.random.default_rng(0).uniform(-0.05, 0.05, (starts, 2)))
    found = lyapunov_spectrum(system, system.start + shifts, steps, 2, warmup=100, align=20)
    assert (found.exponents.sum(-1) - math.log(0.3)).abs().max() < 1e-10
    series = found.log_r[:, found.finite].numpy()
    interval = batch_means(series)
    truth = interval.mean.mean(0)  # of starts x steps iterations: known far better than any one interval
    inside = (interval.low <= truth) & (truth <= interval.high)
    return float(inside[:, 0].mean()), float(truth[0])


def test_few():
    share, mean = coverage(300, 400)
    assert 0.90 < share <= 1
    assert mean == pytest.approx(0.4192, abs=3e-3)


@pytest.mark.slow
def test_two_thousand():
    share, mean = coverage(2000, 4000)
    assert 0.93 <= share <= 0.97, share
    assert mean == pytest.approx(0.41922, abs=3e-4)
