from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.dynamics.small_models import HRM, TRM_ATT, TRM_MLP, golden_model, random_model

from rrdyn.artifacts.errors import UsageError
from rrdyn.dynamics import lyapunov_spectrum, maps, protocol
from rrdyn.dynamics.growth import Nearby
from rrdyn.dynamics.trajectory import follow

DATA = Path(__file__).parents[1] / "golden" / "dynamics"


def golden(name):
    model = golden_model(name)
    data = np.load(DATA / f"ftle_{name}.npz")
    with torch.no_grad():
        e = model.embed(torch.from_numpy(data["inputs"]), torch.from_numpy(data["puzzle_identifiers"]))
    return model, e, data


# TRM-MLP is chaotic: beyond three segments the last digit becomes the answer.
@pytest.mark.parametrize(
    ("name", "segments"), [("hrm_s16v6", 16), ("trm_att_pe16_s16v6", 16), ("trm_mlp_pe16_s16v6", 3)]
)
def test_golden_series(name, segments):
    model, e, data = golden(name)
    B = 1  # the first puzzle; the slow test does all
    q0 = torch.from_numpy(data["Q0"][:B])
    found = lyapunov_spectrum(model.recurrence(e[:B]), model.initial(B), segments, 8, q0=q0)
    series = data["logR"][: found.steps, :B]
    np.testing.assert_allclose(found.log_r, series, atol=1e-9)
    np.testing.assert_allclose(found.exponents, np.sort(series.mean(0))[:, ::-1], atol=1e-11)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "segments"), [("hrm_s16v6", 16), ("trm_att_pe16_s16v6", 16), ("trm_mlp_pe16_s16v6", 3)]
)
@pytest.mark.parametrize("cadence", ["substep", "cycle", "segment", "auto"])
def test_golden_exponents_at_every_cadence(name, segments, cadence):
    model, e, data = golden(name)
    q0 = torch.from_numpy(data["Q0"])
    found = lyapunov_spectrum(model.recurrence(e), model.initial(4), segments, 8, q0=q0, qr_every=cadence)
    series = data["logR"][: found.steps]
    np.testing.assert_allclose(found.exponents, np.sort(series.mean(0))[:, ::-1], atol=1e-9)
    blocks = series.reshape(len(found.log_r), -1, *series.shape[1:]).sum(1)
    np.testing.assert_allclose(found.log_r, blocks, atol=1e-9)


@pytest.mark.parametrize("arch", [TRM_MLP, TRM_ATT, HRM])
def test_rules_agree_with_forward_differentiation(arch):
    model = random_model(arch, dtype=torch.float64)
    inputs = torch.randint(1, 6, (2, 16), dtype=torch.int32)
    with torch.no_grad():
        e = model.embed(inputs, torch.zeros(2, dtype=torch.int32))
        for update in (model.recurrence(e).sub_updates[0], model.recurrence(e).sub_updates[2]):
            state = protocol.rebuild(model.initial(2), (torch.randn_like(part) for part in model.initial(2)))
            shape = (2, 3, *state.z_H.shape[1:])
            push = protocol.rebuild(state, (torch.randn(shape, dtype=torch.float64) for _ in range(2)))
            by_rule = update.value_and_tangents(state, push)
            with protocol.forward_differentiable():
                generic = protocol.value_and_tangents(update.value, state, push)
            for a, b in zip(by_rule, generic):
                for x, y in zip(a, b):
                    torch.testing.assert_close(x, y, rtol=1e-11, atol=1e-11)
            value = update.value(state)
            torch.testing.assert_close(by_rule[0].z_H, value.z_H)
            torch.testing.assert_close(by_rule[0].z_L, value.z_L)


def test_attention_scores_in_pieces(monkeypatch):
    from rrdyn.models import tangents

    model = random_model(TRM_ATT, dtype=torch.float64)
    with torch.no_grad():
        e = model.embed(torch.ones(1, 16, dtype=torch.int32), torch.zeros(1, dtype=torch.int32))
        whole = lyapunov_spectrum(model.recurrence(e), model.initial(1), 1, 5)
        monkeypatch.setitem(tangents.SCORES_AT_ONCE, "cpu", 2 * 2 * 17 * 17)
        pieces = lyapunov_spectrum(model.recurrence(e), model.initial(1), 1, 5)
    torch.testing.assert_close(whole.log_r, pieces.log_r, rtol=0, atol=1e-9)


@pytest.mark.parametrize("arch", [TRM_MLP, TRM_ATT, HRM])
def test_bits_of_a_puzzle_do_not_depend_on_the_batch(arch):
    model = random_model(arch)
    inputs = torch.randint(1, 6, (5, 16), dtype=torch.int32)
    with torch.no_grad():
        e = model.embed(inputs, torch.zeros(5, dtype=torch.int32))
        together = lyapunov_spectrum(model.recurrence(e), model.initial(5), 2, 3)
        for rows in (slice(0, 1), slice(1, 4), slice(4, 5)):
            count = rows.stop - rows.start
            part = model.recurrence(e[rows])
            alone = lyapunov_spectrum(part, model.initial(count), 2, 3, keys=range(rows.start, rows.stop))
            assert torch.equal(alone.log_r, together.log_r[:, rows])
            assert torch.equal(alone.state.z_H, together.state.z_H[rows])


def test_wide_tangents_leave_a_narrow_value_path_alone():
    model = random_model(TRM_MLP, dtype=torch.bfloat16)
    inputs = torch.randint(1, 6, (2, 16), dtype=torch.int32)
    with torch.no_grad():
        e = model.embed(inputs, torch.zeros(2, dtype=torch.int32))
        z = model.initial(1)
        for _ in range(2):
            z = model.segment(z, e[:1])
        found = lyapunov_spectrum(model.recurrence(e), model.initial(2), 2, 3)
    assert found.frame.dtype == torch.float32
    assert found.state.z_H.dtype == torch.bfloat16
    assert torch.equal(found.state.z_H[:1], z.z_H)
    assert found.finite.all()


def test_henon_sums_to_ln_b_at_any_length():
    system = maps.henon()
    for steps in (1, 7, 300):
        found = lyapunov_spectrum(system, system.start, steps, 2)
        assert abs(found.exponents.sum().item() - math.log(0.3)) < 1e-12


def test_align_and_warmup_are_apart_from_averaging():
    system = maps.henon()
    whole = lyapunov_spectrum(system, system.start, 30, 2)
    cut = lyapunov_spectrum(system, system.start, 20, 2, align=10)
    torch.testing.assert_close(whole.log_r[10:], cut.log_r)
    z = system.start
    for _ in range(10):
        z = system.sub_updates[0].value((z,))[0]
    warm = lyapunov_spectrum(system, system.start, 5, 2, warmup=10)
    torch.testing.assert_close(warm.log_r, lyapunov_spectrum(system, z, 5, 2).log_r)


def test_divergence_harms_only_its_own_example():
    system = maps.henon()
    starts = torch.cat([system.start, torch.full_like(system.start, 1e3), system.start])
    with_it = lyapunov_spectrum(system, starts, 40, 2, keys=[0, 1, 2])
    without = lyapunov_spectrum(system, starts[[0, 2]], 40, 2, keys=[0, 2])
    assert with_it.finite.tolist() == [True, False, True]
    assert torch.equal(with_it.exponents[[0, 2]], without.exponents)


def test_generic_path_in_batches():
    weights = maps.random_weights(12, 2.0, seed=1)
    start = torch.randn(3, 12, dtype=torch.float64)
    by_rule = lyapunov_spectrum(maps.tanh_rnn(weights), start, 20, 4)
    generic = lyapunov_spectrum(maps.tanh_rnn(weights, rule=False), start, 20, 4)
    torch.testing.assert_close(by_rule.log_r, generic.log_r, rtol=1e-9, atol=1e-11)


def test_a_recurrence_of_one_tensor_and_of_any_function():
    class Squash:
        def value(self, state):
            return (torch.tanh(2 * state[0].roll(1, dims=-1)),)

    class Custom:
        sub_updates = (Squash(),)

    found = lyapunov_spectrum(Custom(), torch.rand(2, 3, 4, dtype=torch.float64), 10, 2)
    assert found.frame.shape == (2, 12, 2)
    assert found.finite.all()
    assert isinstance(Custom(), protocol.Recurrence)


class Noting:
    def __init__(self, note):
        self.note = note

    def see(self, step):
        self.note(step)


def test_growth_of_a_difference_is_the_leading_exponent():
    model = random_model(TRM_MLP, dtype=torch.float64)
    with torch.no_grad():
        e = model.embed(torch.full((2, 16), 3, dtype=torch.int32), torch.zeros(2, dtype=torch.int32))
        z = model.initial(2)
        exact = lyapunov_spectrum(model.recurrence(e), z, 2, 1)
        grown: list[torch.Tensor] = []
        follow(model.recurrence(e), z, 2, [Noting(lambda step: grown.append(step.spread.log_r[0]))], Nearby())
    found = torch.stack(grown).sum(0) / exact.steps
    torch.testing.assert_close(found, exact.exponents, rtol=0, atol=2e-3)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"k": 3}, "k is out of range"),
        ({"segments": 0}, "segments is out of range"),
        ({"qr_every": "often"}, "qr_every"),
        ({"q0": torch.eye(2)}, "q0 has the wrong shape"),
        ({"dtype": torch.bfloat16}, "dtype"),
    ],
)
def test_refusals(change, message):
    system = maps.henon()
    with pytest.raises(UsageError, match=message):
        lyapunov_spectrum(system, system.start, **{"segments": 3, "k": 2, **change})


def test_a_plain_callable_is_a_recurrence_of_one_sub_update():
    z0 = torch.rand(3, 1, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    found = lyapunov_spectrum(lambda z: 4 * z * (1 - z), z0, 4000, 1)
    assert found.log_r.shape == (4000, 3, 1)
    np.testing.assert_allclose(found.exponents, math.log(2), atol=0.02)
    pair = lyapunov_spectrum(lambda state: (0.5 * state[0], 0.25 * state[1]), (z0, z0), 3, 2,
                             q0=torch.eye(2, dtype=torch.float64).expand(3, 2, 2))  # fmt: skip
    np.testing.assert_allclose(pair.exponents, [[math.log(0.5), math.log(0.25)]] * 3, atol=1e-12)


def test_what_is_no_recurrence_is_said():
    with pytest.raises(UsageError, match="not a recurrence"):
        lyapunov_spectrum(3, torch.zeros(1, 1), 1, 1)
