"""Known systems come out as they are known to, alone and in a batch, and whatever is asked beside."""

from __future__ import annotations

import math

import pytest
import torch

from rrdyn.artifacts.errors import UsageError
from rrdyn.dynamics import FATES, classify_fate, maps
from rrdyn.dynamics.known_fates import known_fates, long_known_fates, scaling


def named(known):
    return pytest.param(known, id=known.name)


def came_out(known):
    found = classify_fate(known.system, known.system.start, known.horizon)
    return found.names[0], int(found.period[0])


@pytest.mark.parametrize("known", map(named, known_fates()))
def test_known_fates(known):
    assert came_out(known) == (known.fate, known.period)


@pytest.mark.slow
@pytest.mark.parametrize("known", map(named, long_known_fates()))
def test_known_fates_that_take_long(known):
    assert came_out(known) == (known.fate, known.period)


def test_what_settles_says_since_when_and_is_left_early():
    found = classify_fate(scaling(0.5), scaling(0.5).start, 256)
    assert 40 < int(found.settled_at[0]) < 60  # 32 units of the last place of the largest norm
    assert int(found.segments[0]) < 256
    assert found.return_distance[0, 0] <= found.tolerance[0]
    assert math.isnan(found.lambda_late[0])


@pytest.mark.parametrize("rate", [0.43, 0.6, 0.7, -0.6])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_fixed_point_that_is_reached_to_the_bit_is_no_cycle(rate, dtype):
    """Back at the same bits a few segments after it came within tolerance: steps of one add up to more than that, steps
    of two, counted from a segment later, do not."""
    generator = torch.Generator().manual_seed(0)
    target = torch.randn(1, 64, generator=generator, dtype=dtype)
    for scale in (1, 3, 30):
        start = scale * torch.randn(16, 64, generator=generator, dtype=dtype)
        found = classify_fate(lambda z: target + rate * (z - target), start, 256)
        assert (found.period == 1).all()
        assert set(found.names) == {"fixed"}
    for horizon in range(16, 64, 6):  # on its way when it is last seen: not yet at rest, or at rest
        found = classify_fate(lambda z: target + rate * (z - target), start, horizon)
        assert "cycle" not in found.names


def test_a_cycle_that_is_reached_to_the_bit_is_one():
    table = torch.tensor([1, 2, 3, 1, 0])  # 4 to 0 to 1 to 2 to 3 to 1: a cycle of three
    states = torch.tensor([0.0, 1.0, 2.0, 5.0, 9.0], dtype=torch.float64)

    def step(z):
        return states[table[(z[:, 0, None] - states).abs().argmin(1)]][:, None]

    found = classify_fate(step, states[:, None], 256)
    assert found.names == ["cycle"] * 5
    assert found.period.tolist() == [3] * 5


def test_chaos_has_an_exponent_with_an_interval_that_holds_the_known_one():
    found = classify_fate(maps.logistic(4.0), maps.logistic(4.0).start, 600)
    assert found.lambda_low[0] <= math.log(2) <= found.lambda_high[0]
    assert int(found.segments[0]) == 600
    assert int(found.settled_at[0]) == -1


def test_a_batch_and_any_callable_give_what_each_gives_alone():
    starts = torch.tensor([[0.1], [0.3], [0.77]], dtype=torch.float64)

    def cycle(z):
        return 3.2 * z * (1 - z)

    together = classify_fate(cycle, starts, 200)
    for row in range(3):
        alone = classify_fate(cycle, starts[row : row + 1], 200)
        assert int(together.fate[row]) == int(alone.fate[0]) == FATES.index("cycle")
        assert int(together.period[row]) == int(alone.period[0]) == 2


@pytest.mark.parametrize("given", [{"horizon": 0}, {"horizon": 8, "max_period": 0}, {"horizon": 8, "tolerance": 1.5},
                                   {"horizon": 8, "window": 9}])  # fmt: skip
def test_numbers_out_of_range_are_refused(given):
    with pytest.raises(UsageError, match="out of range"):
        classify_fate(scaling(0.5), scaling(0.5).start, **given)
