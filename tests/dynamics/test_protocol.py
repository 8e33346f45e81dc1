"""A plain callable is a recurrence."""

from __future__ import annotations

import math
from typing import NamedTuple

import pytest
import torch
from torch import Tensor

from rrdyn.artifacts.errors import UsageError
from rrdyn.dynamics import lyapunov_spectrum, maps
from rrdyn.dynamics.protocol import as_recurrence


class Pair(NamedTuple):
    x: Tensor
    y: Tensor


def swap(state: Pair) -> Pair:
    return Pair(0.5 * state.y, 2 * state.x)


def test_a_callable_of_a_tensor_has_the_exponents_of_the_map_it_is():
    start = torch.rand(3, 1, dtype=torch.float64)
    callable_one = lyapunov_spectrum(as_recurrence(lambda x: 4 * x * (1 - x)), start, 400, 1)
    known = lyapunov_spectrum(maps.logistic(), start, 400, 1)
    torch.testing.assert_close(callable_one.exponents, known.exponents)
    assert callable_one.exponents.mean().item() == pytest.approx(math.log(2), abs=0.05)


def test_a_callable_of_a_named_state_keeps_its_names():
    recurrence = as_recurrence(swap)
    state = Pair(torch.ones(2, 3), torch.zeros(2, 3))
    moved = recurrence.sub_updates[0].value(state)
    assert isinstance(moved, Pair)
    assert moved.y.eq(2).all()


def test_a_recurrence_stays_itself():
    henon = maps.henon()
    assert as_recurrence(henon) is henon


@pytest.mark.parametrize("wrong", [lambda x: x[:, :1], lambda x: x.double(), lambda x: (x, x)])
def test_a_callable_that_changes_the_state_is_refused(wrong):
    with pytest.raises(UsageError, match="does not give back"):
        as_recurrence(wrong).sub_updates[0].value((torch.ones(2, 3),))


def test_what_is_no_recurrence_is_refused():
    with pytest.raises(UsageError, match="not a recurrence"):
        as_recurrence(3)
