"""What `rrdyn scale` measures of a model: the plain rollout where nothing is changed, exact budgets, the same draws."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import rrdyn
from rrdyn.artifacts.errors import UsageError
from rrdyn.dynamics.lyapunov import lyapunov_spectrum
from rrdyn.measurement.campaign import carry_out, columns_of
from rrdyn.measurement.rollout import Rollout, RolloutConfig
from rrdyn.measurement.scale import Scale, ScaleConfig
from rrdyn.measurement.scaling import METHODS
from rrdyn.measurement.shard import Shard
from rrdyn.measurement.subject import open_subject

SMALL = ScaleConfig(n=2, budget=2, methods=("longer", "path-noise", "permute", "random-start", "smc"))
KEYS = ("right", "q_halt", "residual", "return_distance", "answer")


@pytest.fixture(scope="module")
def subject(trm_checkpoint):
    return open_subject(trm_checkpoint)


@pytest.fixture(scope="module")
def measured(subject):
    return rrdyn.scale(subject, n=2, budget=2, methods=("longer", "random-start"))


def of(result, method, particles=None, population=None):
    """The columns of a method, of its first particles."""
    arrays = result.arrays
    mine = arrays["method"] == result.meta["methods"].index(method)
    if particles is not None:
        mine &= arrays["particle"] < particles
    if population is not None:
        mine &= arrays["population"] == population
    return mine


@pytest.mark.parametrize("method", sorted(set(METHODS) - {"random-start", "equilibrium", "ensemble"}))
def test_one_particle_with_nothing_changed_is_the_plain_rollout_bit_for_bit(subject, method):
    off = {"damped": "=1", "permute": "", "longer": ""}.get(method, "=0")
    found = rrdyn.scale(subject, n=2, budget=1, methods=(method + off,))
    rollout = Rollout(subject, RolloutConfig(n=2, segments=subject.model.budget, periods=8))
    with torch.no_grad():  # puzzles that share their products, as here
        plain = rollout.observe(subject.questions(found.arrays["idx"]))
    np.testing.assert_array_equal(found.arrays["right"], plain["exact"])
    with np.errstate(invalid="ignore"):
        nearest = np.nan_to_num(plain["return_distance"], nan=np.inf).min(-1)
    np.testing.assert_array_equal(found.arrays["return_distance"], nearest)


def test_without_noise_every_particle_is_the_plain_rollout(subject):
    found = rrdyn.scale(subject, n=2, budget=2, methods=("longer", "restarts=0", "path-noise=0", "annealed-noise=0"))
    longer = found.arrays["q_halt"][:, of(found, "longer")][:, : subject.model.budget]
    for method in ("restarts=0", "path-noise=0", "annealed-noise=0"):
        for particle in (0, 1):  # each followed alone
            mine = of(found, method, particle + 1) & ~of(found, method, particle)
            np.testing.assert_array_equal(found.arrays["q_halt"][:, mine], longer)


def test_an_ensemble_of_one_checkpoint_twice_is_the_plain_rollout_twice(subject, trm_checkpoint):
    found = rrdyn.scale(subject, n=2, budget=2, methods=("longer", "ensemble"), members=(trm_checkpoint,))
    longer = found.arrays["q_halt"][:, of(found, "longer")][:, : subject.model.budget]
    np.testing.assert_array_equal(found.arrays["q_halt"][:, of(found, "ensemble")], np.tile(longer, 2))


class Counting:
    """A sub-update that counts the rows it is asked for."""

    def __init__(self, update, counts):
        self.update, self.counts = update, counts

    def value(self, state):
        self.counts.append(len(state[0]))
        return self.update.value(state)

    def advance(self, bundle):
        self.counts.append(bundle[0].shape[0] * bundle[0].shape[1])  # the value and a tangent
        return self.update.advance(bundle)

    def rows(self, index):
        return Counting(self.update.rows(index), self.counts)


@pytest.mark.parametrize(("method", "exponents"), [*((name, False) for name in sorted(METHODS)),
                                                    ("smc", True), ("damped", True)])  # fmt: skip
def test_budgets_are_exact(subject, trm_checkpoint, method, exponents, monkeypatch):
    """Counted sub-updates are those of the columns: one segment each, and as many again for a tangent."""
    counts, kind = [], type(subject.model)
    whole = kind.recurrence

    def counted(self, e):
        recurrence = whole(self, e)
        updates = tuple(Counting(update, counts) for update in recurrence.sub_updates)
        return type(recurrence)(sub_updates=updates, gradient_span=recurrence.gradient_span)

    members = (trm_checkpoint,) if method == "ensemble" else ()
    scale = Scale(subject, ScaleConfig(n=2, budget=4, depth=4, methods=(method,), members=members,
                                       exponents=exponents))  # fmt: skip
    monkeypatch.setattr(kind, "recurrence", counted)
    columns = columns_of(scale, np.array([5]))
    n = subject.model.sub_updates_per_segment * (2 if exponents else 1)
    columns = scale.finish(columns)
    assert sum(counts) == n * len(columns["segment"])
    assert columns["evaluations"].tolist() == [[n * len(columns["segment"])]]
    for breadth, depth in ((1, 1), (1, 4), (2, 2), (4, 1)):
        inside = (columns["particle"] < breadth) & (columns["segment"] <= depth * subject.model.budget)
        inside &= np.isin(columns["population"], (0, breadth))
        have = 1 if METHODS[method].single else 2 if method == "ensemble" else 4
        assert inside.sum() == min(breadth, have) * depth * subject.model.budget


@pytest.mark.parametrize("method", ["restarts", "path-noise", "permute", "random-start", "longer", "damped"])
def test_a_larger_run_begins_with_the_smaller_bit_for_bit(subject, method):
    large, small = (rrdyn.scale(subject, n=1, budget=budget, depth=depth, methods=(method,))
                    for budget, depth in ((4, 2), (2, 1)))  # fmt: skip
    rows = {(p, t): c for c, (p, t) in enumerate(zip(large.arrays["particle"], large.arrays["segment"]))}
    take = [rows[p, t] for p, t in zip(small.arrays["particle"], small.arrays["segment"])]
    for key in ("right", "q_halt", "residual", "return_distance"):
        np.testing.assert_array_equal(large.arrays[key][:, take], small.arrays[key], err_msg=key)


def test_the_same_draws_whatever_the_batch_and_the_company(subject, tmp_path):
    scale = Scale(subject, SMALL.model_copy(update={"n": 11}))
    assert scale.group == 8
    one, all_ = (carry_out(scale, tmp_path / f"{batch}.npz", batch=batch).arrays for batch in (1, 11))
    for key in one:
        np.testing.assert_array_equal(one[key], all_[key], err_msg=key)
    with torch.no_grad():  # in other company: the same up to rounding
        alone = [scale.observe(subject.questions(one["idx"][row : row + 1]))["q_halt"][0, 0] for row in range(2)]
    # ... which later segments stretch, further than any tolerance on some processors: the first point is compared.
    np.testing.assert_allclose(alone, one["q_halt"][:2, 0], atol=2e-2)


def test_a_tangent_of_every_particle_has_the_exponent_of_its_trajectory(subject, measured, tmp_path):
    scale = Scale(subject, SMALL.model_copy(update={"methods": ("longer", "random-start"), "exponents": True}))
    one, all_ = (carry_out(scale, tmp_path / f"{batch}.npz", batch=batch) for batch in (1, 2))
    for key in one.arrays:
        np.testing.assert_array_equal(one.arrays[key], all_.arrays[key], err_msg=key)
    plain = of(one, "longer")
    assert np.isfinite(one.arrays["lambda_1"]).all()
    model = subject.model
    for row, idx in enumerate(one.arrays["idx"]):
        questions = subject.questions(np.array([idx]))
        recurrence = model.recurrence(model.embed(questions.inputs, questions.identifiers))
        known = lyapunov_spectrum(recurrence, model.initial(1), model.budget, 1, keys=[idx])
        found = one.arrays["lambda_1"][row, plain][model.budget - 1]
        assert found == pytest.approx(float(known.exponents[0, 0]), abs=1e-4)
    assert "lambda_1" not in measured.arrays
    assert "exponents" not in measured.meta["settings"]


def test_stopped_and_shared_out_it_is_the_same_file(subject, tmp_path):
    scale = Scale(subject, SMALL)
    whole = carry_out(scale, tmp_path / "whole.npz", batch=1)
    assert carry_out(scale, tmp_path / "shared.npz", batch=1, shard=Shard(rank=1, world=2)) is None
    shared = carry_out(scale, tmp_path / "shared.npz", batch=1, shard=Shard(rank=0, world=2))
    assert (tmp_path / "whole.npz").read_bytes() == (tmp_path / "shared.npz").read_bytes()
    assert shared.meta["key"] == whole.meta["key"]


def test_answers_are_numbered_by_what_they_say(measured):
    arrays = measured.arrays
    for row in range(2):
        assert arrays["answer"][row, 0] == 0
        assert np.array_equal(np.unique(arrays["answer"][row]), np.arange(arrays["answer"][row].max() + 1))
        right = arrays["right"][row].astype(bool)
        assert len(np.unique(arrays["answer"][row][right])) <= 1  # the right answer is one


def test_what_cannot_be_is_refused(subject):
    for settings, words in (
        ({"budget": 3}, "no power of two"),
        ({"methods": ("nothing",)}, "no method called 'nothing'"),
        ({"methods": ("longer=2",)}, "nothing to set"),
        ({"methods": ("restarts=much",)}, "no such strength"),
        ({"methods": ("ensemble",)}, "further checkpoints"),
        ({"where": "z_X"}, "no part of the state"),
    ):
        with pytest.raises(UsageError, match=words):
            Scale(subject, ScaleConfig(**settings))


def test_the_method_of_the_page_is_measured(subject):
    page = (Path(__file__).parents[2] / "docs" / "scaling.md").read_text()
    code = page.split("```python\n")[1].split("```")[0]
    before = dict(METHODS)
    try:
        exec(compile(code, "averaged.py", "exec"), {})
        found = rrdyn.scale(subject, n=1, budget=1, methods=("longer", "averaged", "damped=0.5"))
        halved = found.arrays["q_halt"][:, of(found, "averaged")]
        np.testing.assert_allclose(halved, found.arrays["q_halt"][:, of(found, "damped=0.5")], atol=1e-4)
    finally:
        METHODS.clear()
        METHODS.update(before)
