"""Rollouts, perturbations and two-segment Jacobians of the published code."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from tests.agreement import assert_same_flags
from tests.dynamics.small_models import GOLDEN_MODELS, golden_model

from rrdyn.dynamics import lyapunov_spectrum, protocol
from rrdyn.dynamics.trajectory import plain_segment
from rrdyn.measurement import perturbation
from rrdyn.measurement.subject import Questions, Subject
from rrdyn.models import Latent
from rrdyn.models.losses import IGNORE

DATA = Path(__file__).parents[1] / "golden" / "dynamics"


@pytest.mark.parametrize("name", ["hrm_s16v6", "trm_att_pe16_s16v6", "trm_mlp_pe16_s16v6"])
def test_two_segment_jacobian(name):
    """log R of the fast path against the published Jacobian: its QR, and a block of it probed by tangents."""
    model, data = golden_model(name), np.load(DATA / f"jac2seg_{name}.npz")
    series = np.load(DATA / f"ftle_{name}.npz")
    with torch.no_grad():
        e = model.embed(torch.from_numpy(series["inputs"]), torch.from_numpy(series["puzzle_identifiers"]))[:1]
        recurrence, z0 = model.recurrence(e), model.initial(1)
        found = lyapunov_spectrum(recurrence, z0, 2, 8, q0=torch.from_numpy(series["Q0"][:1]))
        np.testing.assert_allclose(found.log_r.sum(0)[0], data["logR_sum_explicit"], atol=1e-10)
        state = torch.cat([part.flatten() for part in found.state])
        np.testing.assert_allclose(state, data["state_out"], atol=1e-10)
        n = len(state)
        columns = protocol.from_frame(torch.eye(n, 64, dtype=torch.float64)[None], z0)
        bundle = protocol.join(z0, columns)
        for _ in range(2):
            for update in recurrence.sub_updates:
                bundle = protocol.advance(update, bundle)
        block = protocol.to_frame(protocol.tangents_of(bundle))[0, :64]
        np.testing.assert_allclose(block, data["J_block"], rtol=1e-10, atol=1e-10 * np.abs(data["J_block"]).max())


@pytest.mark.slow
def test_whole_explicit_jacobian():
    """All singular values of the two-segment Jacobian, from every column of it."""
    name = "hrm_s16v6"
    model, data = golden_model(name), np.load(DATA / f"jac2seg_{name}.npz")
    series = np.load(DATA / f"ftle_{name}.npz")
    with torch.no_grad():
        e = model.embed(torch.from_numpy(series["inputs"]), torch.from_numpy(series["puzzle_identifiers"]))[:1]
        z0, n = model.initial(1), len(data["singular_values"])
        bundle = protocol.join(z0, protocol.from_frame(torch.eye(n, dtype=torch.float64)[None], z0))
        for _ in range(2):
            for update in model.recurrence(e).sub_updates:
                bundle = protocol.advance(update, bundle)
        jacobian = protocol.to_frame(protocol.tangents_of(bundle))[0]
    np.testing.assert_allclose(torch.linalg.svdvals(jacobian), data["singular_values"], rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("name", ["hrm_s16v6", "trm_att_pe16_s16v6"])
def test_notebook_rollout(name):
    """Exactness and drift of the notebook's extended rollout, restarted from z0, float32, as far as floats agree."""
    model, data = golden_model(name, torch.float32), np.load(GOLDEN_MODELS / f"nb_{name}.npz")
    idx = data["rollout_idx"]
    labels = torch.from_numpy(data["lab"][idx])
    with torch.no_grad():
        e = model.embed(torch.from_numpy(data["inp"][idx]).int(), torch.from_numpy(data["pid"][idx]).int())
        z = model.initial(len(idx))
        recurrence = model.recurrence(e)
        for t in range(8):
            after = plain_segment(recurrence, z)
            asked = labels > 0
            right = ((model.read(after).logits.argmax(-1) == labels) | ~asked).all(-1)
            assert_same_flags(right.numpy(), data["ex"][:, t], turned=1 / 12)
            if t:  # the notebook starts counting at the second segment
                drift = (after.z_H - z.z_H).flatten(1).norm(dim=1)
                np.testing.assert_allclose(drift, data["dr"][:, t], rtol=2e-3)
            z = after


@pytest.mark.parametrize("name", ["hrm_s16v6", "trm_att_pe16_s16v6"])
def test_notebook_perturbation(name, monkeypatch):
    """The notebook's solve flags over 20 segments, with its own noise from torch's generator."""
    model, data = golden_model(name, torch.float32), np.load(GOLDEN_MODELS / f"nb_{name}.npz")
    np.testing.assert_allclose(model.initial_std, data["sc"], rtol=1e-6)
    idx, K = data["perturb_idx"], data["solve"].shape[2]
    generator = torch.Generator().manual_seed(0)

    def perturbed(measurement, which, sigma):
        z = model.initial(len(which) * K)
        noise = [torch.randn(part.shape, generator=generator) for part in z]
        if sigma == 0.1:
            np.testing.assert_allclose(noise[0][0], data["first_noise"][0], rtol=0, atol=1e-5)
        moved = Latent(*(part + sigma * model.initial_std * eps for part, eps in zip(z, noise)))
        return moved, torch.zeros(len(which), K)

    monkeypatch.setattr(perturbation.Perturbation, "_perturbed", perturbed)
    subject = Subject(model=model, split=None, weights=GOLDEN_MODELS, device=torch.device("cpu"))
    questions = Questions(
        inputs=torch.from_numpy(data["inp"][idx]).int(),
        labels=torch.from_numpy(np.where(data["lab"][idx] > 0, data["lab"][idx], IGNORE)),
        identifiers=torch.from_numpy(data["pid"][idx]).int(),
        idx=idx,
    )
    config = perturbation.PerturbationConfig(sigmas=tuple(data["sigmas"]), copies=K, segments=20, readout=16)
    with torch.no_grad():
        found = perturbation.Perturbation(subject, config).observe(questions)
    # twenty segments of an untrained, chaotic model: by rounding a few answers turn, of other copies half would
    assert_same_flags(found["solve"], data["solve"], turned=1 / 8)
    assert_same_flags(found["base"], data["base"], turned=1 / 8)
