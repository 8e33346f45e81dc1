"""Return distances as they are defined, whatever leaves on the way."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from rrdyn.dynamics import maps
from rrdyn.dynamics.known_fates import GOLDEN, scaling
from rrdyn.dynamics.returns import ClosestReturns, Pace, Past, Returns, joint_norm, noise_floor
from rrdyn.dynamics.trajectory import follow


class TwoParts:
    """A state of two parts of different shapes."""

    class Turn:
        def value(self, state):
            return (0.9 * state[0].roll(1, dims=1) + 0.1, torch.cos(1.3 * state[1]))

    sub_updates = (Turn(),)


class Dismissal:
    """Lets trajectories go after given segments (B,)."""

    def __init__(self, after):
        self.after = torch.as_tensor(after)

    def see(self, step):
        after = self.after if step.rows is None else self.after[step.rows]
        return step.number >= after


class Record:
    def __init__(self, z0):
        self.states = [[part.clone() for part in z0]]

    def see(self, step):
        self.states.append([part.clone() for part in step.state])


def by_definition(states, periods):
    """(B,T,P) from states of all segments, z(0) first."""
    flat = torch.stack([torch.cat([part.double().flatten(1) for part in state], 1) for state in states], 1)
    largest = flat.norm(dim=2).cummax(1).values
    out = torch.full((len(flat), len(states) - 1, periods), torch.nan, dtype=torch.float64)
    for t in range(1, len(states)):
        for p in range(1, min(periods, t) + 1):
            out[:, t - 1, p - 1] = (flat[:, t] - flat[:, t - p]).norm(dim=1) / largest[:, t]
    return out


def start(batch=4):
    drawn = torch.Generator().manual_seed(0)
    return (torch.randn(batch, 5, 2, generator=drawn), torch.randn(batch, 3, generator=drawn))


def test_they_are_what_the_definition_says():
    z0 = start()
    returns, record = Returns(z0, 6, series=True), Record(z0)
    follow(TwoParts(), z0, 15, [returns, record])
    known = by_definition(record.states, 6)
    torch.testing.assert_close(returns.distances(), known, equal_nan=True)
    torch.testing.assert_close(returns.last, known[:, -1], equal_nan=True)


def test_who_has_left_keeps_its_last_and_the_others_do_not_notice():
    z0 = start()
    alone, together = Returns(z0, 4, series=True), Returns(z0, 4, series=True)
    follow(TwoParts(), z0, 12, [alone])
    follow(TwoParts(), z0, 12, [together, Dismissal([3, 12, 7, 7])])
    for row, end in enumerate((3, 12, 7, 7)):
        torch.testing.assert_close(together.last[row], alone.distances()[row, end - 1], equal_nan=True)
        torch.testing.assert_close(together.distances()[row, :end], alone.distances()[row, :end], equal_nan=True)
        assert together.distances()[row, end:].isnan().all()


@pytest.mark.parametrize("first", [1, 3, 7])
def test_what_goes_on_from_its_past_notes_what_a_whole_one_does(first):
    z0 = start()
    whole = Returns(z0, 4, series=True)
    follow(TwoParts(), z0, 12, [whole])
    begun = Returns(z0, 4)
    middle = follow(TwoParts(), z0, first, [begun])
    past = begun.past()
    assert past.states[0].shape[1] == min(first + 1, 4)
    assert torch.equal(past.states[0][:, -1], middle[0])
    rest = Returns(middle, 4, series=True, past=past)
    follow(TwoParts(), middle, 12 - first, [rest])
    assert torch.equal(rest.distances().nan_to_num(-1), whole.distances()[:, first:].nan_to_num(-1))


def test_of_an_unknown_past_nothing_is_said():
    z0 = start()
    past = Past(tuple(part[:, None] for part in z0), torch.full((4,), torch.nan))
    returns = Returns(z0, 2, series=True, past=past)
    follow(TwoParts(), z0, 3, [returns])
    assert returns.distances().isnan().all()


def test_a_shrinking_state_comes_back():
    """Over ||z(t)|| the distance would be 1 for ever; the largest norm is that of z(0)."""
    system = scaling(0.5)
    returns = Returns((system.start,), 2, series=True)
    follow(system, (system.start,), 60, [returns])
    assert returns.distances()[0, :3, 0].tolist() == [0.5, 0.25, 0.125]
    assert returns.last.max() < 1e-17


def test_a_state_of_zeros_stands_still():
    system = scaling(0.5)
    zero = torch.zeros_like(system.start)
    returns = Returns((zero,), 2)
    follow(system, (zero,), 3, [returns])
    assert returns.last.tolist() == [[0.0, 0.0]]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_norms_are_summed_in_float64(dtype):
    """2^24 + 1 ones: float32 would lose the last."""
    parts = (torch.ones(1, 4097, dtype=dtype), torch.full((1, 1), 4096.0, dtype=dtype))
    assert joint_norm(parts).item() == math.sqrt(4097 + 2**24)


def test_what_rounding_does_in_a_segment():
    z0 = torch.rand(3, 50, dtype=torch.float32)
    weights = maps.random_weights(50, 1.0, 0).float()
    floor = noise_floor(maps.tanh_rnn(weights), (z0,))
    eps = torch.finfo(torch.float32).eps
    assert ((floor >= eps) & (floor < 10 * eps)).all()
    expanding = maps.linear(100 * torch.eye(50), [])
    assert noise_floor(expanding, (z0,)).min() > 0.5 * eps  # over the norm after it, which has grown as much


def closest(angle, after, horizon):
    system = maps.rotation(angle)
    z0 = (system.start,)
    returns = Returns(z0, 1)
    watched = ClosestReturns(1, after, returns)
    follow(system, z0, horizon, [returns, watched])
    return watched


def test_closest_returns_of_the_golden_rotation():
    """Its closest returns take Fibonacci numbers of segments."""
    watched = closest(GOLDEN, 10, 110)
    for octave, lag in ((2, 5), (3, 13), (4, 21), (5, 55)):
        chord = 2 * abs(math.sin(lag * GOLDEN / 2))
        np.testing.assert_allclose(watched.closest[0, :, octave], chord, rtol=1e-9)
    assert watched.closest_of(0) == pytest.approx(2 * abs(math.sin(89 * GOLDEN / 2)), rel=1e-9)
    assert watched.winds(0, 100, 1e-13)


def test_what_repeats_or_never_returns_does_not_wind():
    assert not closest(2 * math.pi / 50, 10, 400).winds(0, 390, 1e-12)  # a cycle of 50
    assert not closest(2 * math.pi / 5000, 10, 400).winds(0, 390, 1e-12)  # has not been round once


def test_pace_of_what_runs_away():
    system = scaling(1.02)
    z0 = (system.start,)
    returns = Returns(z0, 1)
    pace = Pace(1, 20, 100, returns)
    follow(system, z0, 100, [returns, pace])
    assert pace.growth().item() == pytest.approx(math.log(1.02), rel=1e-9)
