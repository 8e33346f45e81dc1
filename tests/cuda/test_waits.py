"""How often the host waits for the device, counted: ceilings that a change must not pass."""

from __future__ import annotations

from collections import Counter

import pytest
import torch
from tests.cuda.conftest import ARCHITECTURES
from tests.cuda.pretended import CUDA
from tests.cuda.test_training import ARMS, trained
from tests.dynamics.small_models import grids, random_model

from rrdyn.dynamics import lyapunov, qr
from rrdyn.dynamics.lyapunov import Tangents, first_frame, lyapunov_spectrum
from rrdyn.training import loop

ONE_STEP = {"every": 9, "n": 2, "perturbed_n": 0, "lyapunov_n": 0}
SEGMENTS = 2
"""Of the tiny models' budget."""


def waits_of_a_step(ledger, monkeypatch, dataset, folder, **how) -> Counter:
    """Between the ends of the second and the third step of a run that writes no row there."""
    seen = []
    add = loop.Meter.add
    monkeypatch.setattr(loop.Meter, "add", lambda *given: (seen.append(Counter(ledger.waits)), add(*given)))
    trained(folder, dataset, steps=4, log_every=9, eval=ONE_STEP, **how)
    return seen[2] - seen[1]


@pytest.mark.parametrize(
    ("arm", "model"),
    [("none", "mlp"), ("multi4-act", "hrm")]
    + [pytest.param(arm, model, marks=pytest.mark.slow) for arm in ARMS for model in ARCHITECTURES],
)
def test_a_training_step(ledger, monkeypatch, dataset, tmp_path, arm, model):
    """At most two; copies that halt are taken out, so that how many go on is asked once a segment.

    It was 8 under ACT streaming, 12 in multi4, 20 in multi4-act: batches, noise and counts were copied, waited for.
    """
    found = waits_of_a_step(ledger, monkeypatch, dataset, tmp_path, arm=arm, model=model)
    rolled = {"multi4-act": 1, "serial": 4}.get(arm, 0) * SEGMENTS
    previews = 2 if arm in ("multi4-act", "serial") else 1
    updates = SEGMENTS if arm == "an update a segment" else 1
    assert sum(found.values()) <= 1 + updates + rolled * previews, found


@pytest.mark.parametrize("cadence", ["substep", "cycle", "segment"])
def test_a_factorisation(ledger, cadence):
    """None of them is waited for: a segment asks once, at its end. It was 4 to 6 a factorisation."""
    model = random_model(ARCHITECTURES["attention"]).to("cuda")
    inputs = torch.from_numpy(grids(3)[0].astype("int32")).to("cuda")
    with torch.no_grad():
        recurrence, state = model.recurrence(model.embed(inputs, inputs[:, 0] * 0)), model.initial(3)
        carrier = Tangents(first_frame(state, 3, torch.float32, 0, range(3)), cadence)
        state, _ = carrier.advance(recurrence, state)  # which may find that one pass is not enough
        ledger.reset()
        carrier.advance(recurrence, state)
    assert sum(ledger.waits.values()) == 1, ledger.report()


def test_the_first_frame(ledger):
    """None a puzzle: it was 5."""
    state = (torch.zeros(4, 16, 8).to("cuda"),)
    ledger.reset()
    first_frame(state, 3, torch.float32, 0, range(4))
    assert not ledger.waits, ledger.report()


def test_passes_that_were_not_enough_are_seen(ledger, monkeypatch):
    """A frame so flat that one pass leaves it crooked is factorised again from the start of its segment, watched."""
    watched = []

    def watching(rows, **how):
        watched.append(rows[0].device.type)
        return qr.orthonormalise(rows, **how)

    monkeypatch.setattr(lyapunov, "orthonormalise", watching)
    start = torch.ones(2, 64)
    here, there = (lyapunov_spectrum(Stretching(), z0, 12, 3) for z0 in (start, start.to("cuda")))
    assert there.exponents.device == CUDA
    assert 0 < watched.count("cuda") < 12
    torch.testing.assert_close(there.exponents.cpu(), here.exponents, rtol=1e-4, atol=1e-4)


class Stretching:
    """z <- a z with factors decades apart: what one step makes of a frame is flat."""

    @property
    def sub_updates(self):
        return (self,)

    def value(self, z):
        return (z[0] * self.factors(z[0]),)

    def advance(self, bundle):
        bundle[0].mul_(self.factors(bundle[0]))
        return bundle

    def factors(self, like):
        return torch.tensor([1.0, 1e-2, 1e-4] + [1e-6] * 61).to(like.device)


def test_unseen_passes_are_the_watched_ones(monkeypatch):
    monkeypatch.setattr(qr, "SMALL", 0)
    torch.manual_seed(0)
    rows = torch.randn(4, 3, 500, dtype=torch.float64)
    rows[3, 0] = torch.nan
    for passes in (1, 2):
        ours, theirs = rows.clone(), rows.clone()
        unseen, seen = qr.orthonormalise_unseen([ours], passes), qr.orthonormalise([theirs], careful=passes == 2)
        assert unseen.sound.all()
        torch.testing.assert_close(unseen.r, seen.r, equal_nan=True)
        torch.testing.assert_close(ours[:3], theirs[:3])
    flat = torch.cat((rows[:1, :1], rows[:1, :1] + 1e-9 * rows[:1, 1:2], rows[:1, 2:]), dim=1)
    assert not qr.orthonormalise_unseen([flat], 1).sound.any()
