"""The published numbers: every state, logit and halt logit, restarted from the published carry each segment.

With the order of additions, the attention kernel and the two threads of the published run float32 results are
bit-identical; one thread, or another processor, rounds the attention differently by up to 2.6e-5.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from model_cases import DATA, SHARED, read_golden

from rrdyn.models import Latent


def close(ours: torch.Tensor, published: torch.Tensor, name: str) -> None:
    torch.testing.assert_close(ours, published, rtol=0, atol=5e-4 if "mlp" in name else 5e-5)


def identical(ours: torch.Tensor, published: torch.Tensor, name: str) -> None:
    assert torch.equal(ours, published), f"{name}: max difference {(ours - published).abs().max():.2e}"


@pytest.fixture
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def test_embedding_is_identical(golden):
    identical(golden.embed(golden.model()), golden.tensor("input_embeddings"), golden.name)


@pytest.mark.usefixtures("two_threads")
def test_first_segments_are_identical(golden):
    check_rows(golden, (0, 1), identical)


def test_segments_restarted_from_the_published_carry(golden):
    check_rows(golden, (0, 1, 2, 4), close)


def check_rows(golden, rows, agree):
    """Rows hold segments 0, 1, 2, 15, 16 of the published run."""
    model = golden.model()
    with torch.no_grad():
        recurrence = model.recurrence(golden.embed(model))
        for row in rows:
            z = recurrence.segment(golden.carry(row - 1) if row else model.initial(4))
            check_segment(golden, model, z, row, agree)


def check_segment(golden, model, z, row, agree):
    readout = model.read(z)
    for key, value in {**z._asdict(), **readout._asdict()}.items():
        agree(value, golden.tensor(key)[row], f"{golden.name} {key}")


@pytest.mark.skipif(not SHARED.is_dir(), reason="the complete golden runs are not here")
@pytest.mark.slow
@pytest.mark.usefixtures("two_threads")
@pytest.mark.parametrize("name", ["hrm_s16v6", "trm_att_pe16_s16v6", "trm_mlp_pe0_s81v11", "trm_mlp_pe16_s16v6"])
def test_all_32_segments(name):
    golden = read_golden(name, SHARED / "models")
    model = golden.model()
    with torch.no_grad():
        recurrence = model.recurrence(golden.embed(model))
        z = model.initial(len(golden.numbers["inputs"]))
        for segment in range(32):
            check_segment(golden, model, recurrence.segment(z), segment, identical)
            z = golden.carry(segment)


@pytest.mark.usefixtures("two_threads")
def test_bfloat16_is_the_published_one():
    golden = read_golden("trm_att_pe16_s16v6")
    with np.load(DATA / "bf16_trm_att_pe16_s16v6.npz") as arrays:
        published = {key: torch.from_numpy(arrays[key]) for key in arrays.files}
    model = golden.model(forward_dtype="bfloat16")
    with torch.no_grad():
        z = model.segment(model.initial(4), golden.embed(model))
        readout = model.read(z)
    assert z.z_H.dtype == readout.logits.dtype == torch.bfloat16
    assert readout.q_halt.dtype == torch.float32
    for ours, key in ((z.z_H, "z_H"), (readout.logits, "logits"), (readout.q_halt, "q_halt")):
        assert ulps(ours, published[key]) <= 3


def ulps(ours: torch.Tensor, published: torch.Tensor) -> int:
    """The largest distance in units of the last place of bfloat16."""
    bits = [x.to(torch.bfloat16).contiguous().view(torch.int16).int() for x in (ours, published)]
    ordered = [torch.where(b < 0, -(b & 0x7FFF), b) for b in bits]
    return int((ordered[0] - ordered[1]).abs().max())


def test_bfloat16_casts_once_or_every_time_alike():
    golden = read_golden("trm_att_pe16_s16v6")
    model = golden.model(forward_dtype="bfloat16")
    e = golden.embed(model).detach()
    with torch.no_grad():
        kept = model.segment(model.initial(4), e)
    recast = model.recurrence(e).segment(model.initial(4))  # parameters want gradients: cast at every use
    assert torch.equal(kept.z_H, recast.z_H)


def test_float64_is_near_float32_and_float64_throughout(golden):
    wide, narrow = golden.model(forward_dtype="float64"), golden.model()
    with torch.no_grad():
        z = wide.segment(wide.initial(4), golden.embed(wide))
        reference = narrow.segment(narrow.initial(4), golden.embed(narrow))
        readout = wide.read(z)
    assert {t.dtype for t in (*z, *readout)} == {torch.float64}
    assert (z.z_H - reference.z_H).abs().max() < 5e-4
    assert not torch.equal(z.z_H, z.z_H.float().double())


@pytest.mark.parametrize("name", ["hrm_s16v6", pytest.param("trm_att_pe16_s16v6", marks=pytest.mark.slow)])
def test_notebook_rollout_and_restarts(name):
    """The source study's own rollout: exactness and drift over 32 segments, and restarts from perturbed states."""
    golden = read_golden(name)
    model = golden.model()
    with np.load(DATA / f"nb_{name}.npz") as arrays:
        study = {key: arrays[key] for key in arrays.files}
    inputs, labels, ids = (torch.from_numpy(study[key]) for key in ("inp", "lab", "pid"))

    def run(rows, z, segments, copies=1):
        recurrence = model.recurrence(model.embed(inputs[rows], ids[rows]).repeat_interleave(copies, 0))
        y = labels[rows].repeat_interleave(copies, 0)
        exact, drift = [], []
        for _ in range(segments):
            before, z = z, recurrence.segment(z)
            preds = model.read(z).logits.float().argmax(-1)
            exact.append(((preds == y) | (y <= 0)).all(-1))
            drift.append((z.z_H - before.z_H).flatten(1).norm(dim=1))
        return torch.stack(exact, 1).numpy(), torch.stack(drift, 1).numpy()

    with torch.no_grad():
        rows = study["rollout_idx"]
        exact, drift = run(rows, model.initial(len(rows)), study["ex"].shape[1])
        drift[:, 0] = 0  # the notebook has no state before the first
        np.testing.assert_array_equal(exact, study["ex"].astype(bool))
        np.testing.assert_allclose(drift, study["dr"], rtol=1e-5, atol=1e-5)
        rows, sigmas, copies = study["perturb_idx"], study["sigmas"], study["solve"].shape[2]
        assert model.initial_std == float(study["sc"])
        noise = torch.Generator().manual_seed(0)
        for column, sigma in enumerate(sigmas):
            z = model.initial(len(rows) * copies)
            if sigma > 0:
                draws = [torch.randn(part.shape, generator=noise) for part in z]
                if column == 1:
                    np.testing.assert_array_equal(draws[0][:2].numpy(), study["first_noise"])
                z = Latent(*(part + float(sigma) * model.initial_std * draw for part, draw in zip(z, draws)))
            exact, _ = run(rows, z, 20, copies)
            np.testing.assert_array_equal(exact.any(1).reshape(len(rows), copies), study["solve"][:, column])
            if column == 0:
                np.testing.assert_array_equal(exact[:, 15].reshape(len(rows), copies)[:, 0], study["base"])
