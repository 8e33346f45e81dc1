"""The recurrence: one loop, gradients through its end only, and what a model promises around it."""

from __future__ import annotations

import gc
from copy import deepcopy

import pytest
import torch
from model_cases import FAMILIES, drawn

from rrdyn.artifacts.errors import UsageError
from rrdyn.models import build


def test_sub_updates_are_the_segment(small, batch):
    recurrence = small.recurrence(small.embed(*batch))
    config = small.config
    writes = "".join(update.writes[-1] for update in recurrence.sub_updates)
    assert writes == ("L" * config.L_cycles + "H") * config.H_cycles
    assert [u.closes_cycle for u in recurrence.sub_updates] == [letter == "H" for letter in writes]
    z = start = small.initial(3)
    for update in recurrence.sub_updates:
        moved = update.value(z)
        kept = "z_L" if update.writes == "z_H" else "z_H"
        assert getattr(moved, kept) is getattr(z, kept)
        z = moved
    for ours in (recurrence.segment(start), small.segment(start, small.embed(*batch))):
        assert all(torch.equal(a, b) for a, b in zip(ours, z))


def test_truncation_changes_gradients_and_not_values(small, batch):
    recurrence = small.recurrence(small.embed(*batch))
    whole, cut = recurrence.segment(small.initial(3)), recurrence.segment(small.initial(3), truncate=True)
    assert all(torch.allclose(a, b, atol=1e-6) for a, b in zip(whole, cut))
    config = small.config
    assert recurrence.gradient_span == (2 if config.name == "hrm" else config.L_cycles + 1)
    weight = small.inner.L_level.layers[0].mlp.down_proj.weight
    gradients = [torch.autograd.grad(z.z_H.square().sum() + z.z_H.sum(), weight)[0] for z in (whole, cut)]
    assert not torch.allclose(*gradients)


def test_gradient_reaches_the_puzzle_vectors(small, batch):
    inputs, ids = batch
    vectors = small.puzzle_vectors(ids)
    if vectors is None:
        assert small.prefix == 0
        assert not any("puzzle_emb" in name for name in small.state_dict())
        return
    vectors.requires_grad_()
    z = small.recurrence(small.embed(inputs, ids, vectors)).segment(small.initial(3), truncate=True)
    small.read(z).logits.sum().backward()
    assert vectors.grad is not None
    assert vectors.grad.abs().sum() > 0
    assert torch.equal(small.embed(inputs, ids), small.embed(inputs, ids, vectors))


def test_puzzle_vector_is_padded_at_its_end():
    model = drawn({**FAMILIES["trm_att"], "puzzle_emb_ndim": 24, "puzzle_emb_len": 0})
    assert model.prefix == 2
    e = model.embed(torch.ones(2, 16, dtype=torch.long), torch.tensor([0, 2]))
    rows = model.inner.puzzle_emb.weights[[0, 2]]
    assert torch.equal(e[:, :2].flatten(1)[:, :24] / 4, rows)
    assert not e[:, 1, 8:].any()


def test_initial_state_is_one_vector_everywhere(small):
    z = small.initial(5)
    assert z.z_H.shape == (5, small.config.positions, 16)
    assert z.z_H.is_contiguous()
    assert torch.equal(z.z_H[3, 2], small.inner.H_init)
    assert small.initial_std == pytest.approx(float(small.inner.H_init.std()))


def test_rows_are_the_recurrence_of_some_examples(small, batch):
    recurrence = small.recurrence(small.embed(*batch))
    with torch.no_grad():
        whole = recurrence.segment(small.initial(3))
        part = recurrence.rows(slice(1, 2)).segment(small.initial(1))
    torch.testing.assert_close(part.z_H, whole.z_H[1:2], rtol=1e-5, atol=1e-5)


def test_examples_do_not_see_each_other(small, batch):
    inputs, ids = batch
    other = inputs.clone()
    other[0] = 1
    with torch.no_grad():
        a, b = (small.segment(small.initial(3), small.embed(x, ids)) for x in (inputs, other))
    assert torch.equal(a.z_H[1:], b.z_H[1:])


def test_both_models_live_in_one_process():
    models = [drawn(FAMILIES[kind]) for kind in ("hrm", "trm_att")]
    assert hasattr(models[0].inner, "H_level")
    assert not hasattr(models[1].inner, "H_level")
    assert models[1].stack_H is models[1].inner.L_level


def test_state_dict_names_are_upstreams(golden):
    assert list(golden.model().state_dict()) == list(golden.state)
    with pytest.raises(RuntimeError, match="Missing key"):
        build(golden.arch).load_state_dict({})


def test_writes_through_data_are_seen_in_a_narrower_dtype():
    model = build({**FAMILIES["trm_mlp"], "forward_dtype": "bfloat16"}).eval()
    e = model.embed(torch.ones(1, 16, dtype=torch.long), torch.zeros(1, dtype=torch.long))
    with torch.no_grad():
        before = model.segment(model.initial(1), e)
        for parameter in model.parameters():
            parameter.data.mul_(2)
        fresh = deepcopy(model)
        assert torch.equal(model.segment(model.initial(1), e).z_H, fresh.segment(fresh.initial(1), e).z_H)
        assert not torch.equal(model.segment(model.initial(1), e).z_H, before.z_H)


def test_puzzles_of_another_length_are_refused(small):
    with pytest.raises(UsageError, match="do not fit the model"):
        small.embed(torch.ones(2, 7, dtype=torch.long), torch.zeros(2, dtype=torch.long))
    if small.prefix:
        with pytest.raises(UsageError, match="no vector for"):
            small.embed(torch.ones(2, 16, dtype=torch.long), torch.tensor([0, 3]))


def test_memory_of_a_rollout_does_not_grow_with_its_length():
    """No state is kept: after each segment only the latest tensors are alive."""
    model = drawn(FAMILIES["trm_att"])
    recurrence = model.recurrence(model.embed(torch.ones(3, 16, dtype=torch.long), torch.zeros(3, dtype=torch.long)))

    def alive():
        gc.collect()
        return sum(type(o) is torch.Tensor for o in gc.get_objects())

    with torch.inference_mode():
        z = recurrence.segment(model.initial(3))
        before = alive()
        for _ in range(20):
            z = recurrence.segment(z)
        assert alive() <= before
