from __future__ import annotations

import dataclasses

import pytest
import torch

from rrdyn.cli.app import main
from rrdyn.dynamics import maps
from rrdyn.measurement import selfcheck


@pytest.mark.parametrize("name", ["trm-mlp", "trm-attention", "hrm"])
def test_fast_rules_agree_with_the_explicit_jacobian(name):
    check = selfcheck.explicit_jacobian(name)
    assert check.passed, check


def test_float32_is_enough_on_a_model_that_settles():
    check = selfcheck.precision("trm-attention", settling=True)
    assert check.passed, check
    assert "e-1" in check.note  # the residual that says it settled


@pytest.mark.parametrize("system", [maps.triangular(), maps.non_normal(), maps.contracting(), maps.rotation()])
def test_exact_systems(system):
    assert selfcheck.exact(system, 50).passed


def test_known_fates_and_the_one_that_comes_out_wrong(monkeypatch):
    fixed, cycle = (known for known in selfcheck.known_fates() if known.name in ("logistic r=3.2", "x <- x"))
    monkeypatch.setattr(selfcheck, "known_fates", lambda: (fixed, cycle))
    assert selfcheck.fates().passed
    monkeypatch.setattr(selfcheck, "known_fates", lambda: (fixed, dataclasses.replace(cycle, period=4)))
    check = selfcheck.fates()
    assert not check.passed
    assert cycle.name in check.note


def test_the_multiplier_of_period_two():
    assert selfcheck.multipliers().passed


def test_a_wrong_estimator_fails(monkeypatch, capsys):
    right = selfcheck.exact(maps.tent(), 20)
    wrong = dataclasses.replace(right, error=1.0)
    monkeypatch.setattr(selfcheck, "run_checks", lambda: iter([right, wrong]))
    assert main(["selfcheck"]) == 4
    out = capsys.readouterr().out
    assert "FAILED" in out
    assert "1 of 2 checks failed" in out


def test_a_nan_is_a_failure():
    check = selfcheck._check("x", "exact", torch.tensor([float("nan")]), torch.tensor([0.0]), 1.0)
    assert not check.passed


@pytest.mark.slow
def test_command(capsys):
    assert main(["selfcheck"]) == 0
    assert "checks passed" in capsys.readouterr().out
