"""Losses against the published ones, and their formulas."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rrdyn.models import Readout
from rrdyn.models import losses as L


def test_published_cross_entropies(primitives):
    x, labels = primitives["stablemax_x"], primitives["ce_labels"]
    torch.testing.assert_close(L.stablemax(x), primitives["stablemax_s"], rtol=1e-6, atol=1e-7)
    torch.testing.assert_close(L.log_stablemax(x.double()), primitives["log_stablemax"], rtol=1e-13, atol=1e-14)
    torch.testing.assert_close(L.token_losses(x, labels), primitives["stablemax_ce"], rtol=1e-13, atol=1e-14)
    torch.testing.assert_close(L.token_losses(x, labels, "softmax"), primitives["softmax_ce"], rtol=1e-6, atol=1e-7)


@given(st.lists(st.floats(-1e4, 1e4), min_size=2, max_size=8))
def test_stablemax_is_a_distribution(values):
    p = L.log_stablemax(torch.tensor(values, dtype=torch.float64)).exp()
    assert p.min() > 0
    assert p.sum().item() == pytest.approx(1)


def test_answer_loss_averages_over_labelled_tokens():
    logits = torch.randn(3, 4, 5)
    labels = torch.tensor([[1, 2, -100, -100], [0, 0, 0, 0], [-100] * 4])
    tokens = L.token_losses(logits, labels)
    expected = torch.stack([tokens[0, :2].mean(), tokens[1].mean(), torch.zeros(()).double()])
    torch.testing.assert_close(L.answer_loss(logits, labels), expected)
    assert not tokens[0, 2:].any()


def test_correctness():
    labels = torch.tensor([[1, 2, -100], [1, 2, -100], [-100, -100, -100]])
    found = L.correctness(torch.tensor([[1, 2, 9], [1, 3, 9], [0, 0, 0]]), labels)
    assert found.exact.tolist() == [True, False, True]  # as published: nothing asked, nothing wrong
    assert found.token_accuracy.tolist() == [1, 0.5, 0]
    assert found.labelled.tolist() == [2, 2, 0]


def test_halting_terms():
    assert L.halt_loss(torch.zeros(2), torch.tensor([True, False])).tolist() == pytest.approx([math.log(2)] * 2)
    following = Readout(torch.empty(0), torch.tensor([0.0, 0.0]), torch.tensor([2.0, 2.0]))
    target = L.continue_target(following, torch.tensor([True, False]))
    assert target.tolist() == pytest.approx([0.5, 1 / (1 + math.exp(-2))])
    assert L.continue_loss(torch.zeros(2), target).tolist() == pytest.approx([math.log(2)] * 2)
    one = torch.ones(2)
    assert L.total_loss(one, one).tolist() == [1.5, 1.5]
    assert L.total_loss(one, one, one).tolist() == [2, 2]
