"""A family from outside: built, saved, loaded and measured as the published two are, by nothing but its own file."""

from __future__ import annotations

import numpy as np
import plugged_in
import pytest
import torch

from rrdyn.artifacts.errors import InputError, UsageError
from rrdyn.dynamics.lyapunov import lyapunov_spectrum
from rrdyn.models import build, find_family, load, model_config, save
from rrdyn.models.description import describe
from rrdyn.models.exporting import export

SIZES = {"seq_len": 4, "vocab_size": 5}


@pytest.fixture
def plugins(tmp_path, monkeypatch):
    folder = tmp_path / "outside"
    folder.mkdir()
    plugged_in.write(folder, monkeypatch, own_damped=plugged_in.DAMPED, own_triple=plugged_in.TRIPLE)


@pytest.fixture
def damped(plugins):
    return build({"name": "damped", **SIZES, "rate": 0.5, "halt_max_steps": 3})


def questions(model, count=3):
    inputs = torch.randint(0, 5, (count, 4))
    return model.embed(inputs, torch.zeros(count, dtype=torch.long))


def test_a_plug_in_family_builds_with_its_own_defaults(damped):
    assert type(damped).__name__ == "Damped"
    assert (damped.config.rate, damped.config.hidden, damped.budget) == (0.5, 8, 3)
    assert model_config({"name": "damped", **SIZES}).rate == 0.25
    with pytest.raises(UsageError, match="unknown key rat"):
        build({"name": "damped", **SIZES, "rat": 1})
    with pytest.raises(UsageError, match="names no known model") as caught:
        find_family("dampened")
    assert "damped" in caught.value.expected


@pytest.mark.parametrize("layout", ["rrdyn", "pt"])
def test_it_saves_and_loads_strictly_in_eval_mode(damped, layout, tmp_path):
    wrote = export(damped, tmp_path / ("net.pt" if layout == "pt" else "net"), layout)
    place = wrote[0] if layout == "pt" else wrote[0].parent
    again = load(place)
    assert again.config == damped.config
    assert list(again.state_dict()) == list(damped.state_dict())
    assert not again.training
    with torch.no_grad():
        e = questions(again)
        for ours, theirs in zip(
            again.read(again.segment(again.initial(3), e)), again.read(again.segment(again.initial(3), e))
        ):
            assert torch.equal(ours, theirs)  # no dropout
        torch.testing.assert_close(again.embed(torch.zeros(1, 4).long(), torch.zeros(1).long()),
                                   damped.eval().embed(torch.zeros(1, 4).long(), torch.zeros(1).long()))  # fmt: skip


def test_missing_tensors_of_a_plug_in_are_named(damped, tmp_path):
    folder = save(damped, tmp_path / "a", {"step": 2})
    state = {key: value for key, value in damped.state_dict().items() if key != "model.bias"}
    torch.save({"config": damped.config.model_dump(), "weights": state}, tmp_path / "short.pt")
    with pytest.raises(InputError, match="does not hold this model's weights") as caught:
        load(tmp_path / "short.pt")
    assert caught.value.found == "missing: model.bias"
    assert load(folder).source.step == 2


@pytest.mark.parametrize("prefix", ["_orig_mod.", "module.model."])
def test_prefixes_of_wrappers_fall_off_and_names_of_its_own_stay(damped, prefix, tmp_path):
    state = {prefix + key: value for key, value in damped.state_dict().items()}
    torch.save({"config": damped.config.model_dump(), "model": state}, tmp_path / "wrapped.pt")
    assert torch.equal(load(tmp_path / "wrapped.pt").model.weight, damped.model.weight)


def test_it_is_described_and_has_no_published_layout(damped, tmp_path):
    record, text = describe(save(damped, tmp_path / "a"))
    assert record.what == "a model of the family damped (4 tokens of 5)"
    assert record.sub_updates.model_dump() == {"per_segment": 7, "differentiated_in_training": 3, "budget_segments": 3}
    assert record.parameters == {"tokens": 40, "model": 72, "head": 45, "q": 9, "all": 166}
    assert "3 segments of 7 sub-updates" in text
    with pytest.raises(UsageError, match="no published layout"):
        export(damped, tmp_path / "up", "upstream")


def test_facts_that_other_rooms_plan_with(damped, plugins):
    triple = build({"name": "triple", **SIZES})
    assert (damped.state_elements, triple.state_elements) == (4 * 8, 4 * 3 + 3 + 4)
    assert damped.sub_updates_per_segment == triple.sub_updates_per_segment == 7
    assert damped.activation_bytes(8, 8) == 18 * damped.activation_bytes()
    assert damped.initial_std == 1.0  # nothing varies over z0 = 0
    assert triple.initial_std == pytest.approx(float(triple.initial(1).fine.std()))
    assert damped.device == torch.device("cpu")
    assert damped.puzzle_table is damped.puzzle_vectors(torch.zeros(2, dtype=torch.long)) is None


def test_it_halts_on_a_positive_logit(damped):
    with torch.no_grad():
        damped.q.weight.zero_()
        damped.q.bias.fill_(-1)
        readout = damped.read(damped.initial(2))
        assert damped.halts(readout).tolist() == [False, False]
        damped.q.bias.fill_(1)
        assert damped.halts(damped.read(damped.initial(2))).tolist() == [True, True]


def test_three_parts_and_seven_sub_updates_have_the_exponents_of_the_explicit_jacobian(plugins):
    torch.manual_seed(4)
    model = build({"name": "triple", **SIZES, "forward_dtype": "float64"}).double().eval()
    e = questions(model, 2).detach()
    z0, n, segments = model.initial(2), model.state_elements, 3
    q0 = torch.linalg.qr(torch.randn(2, n, n, dtype=torch.float64)).Q
    spectrum = lyapunov_spectrum(model.recurrence(e), z0, segments, n, q0=q0, qr_every="segment")
    for b in range(2):
        recurrence = model.recurrence(e[b : b + 1])
        sizes = [part[0].numel() for part in z0]

        def flat_segment(x, recurrence=recurrence, sizes=sizes):
            parts = (piece.view(1, *part.shape[1:]) for piece, part in zip(x.split(sizes), z0))
            return torch.cat([part.flatten() for part in recurrence.segment(type(z0)(*parts))])

        x, q, total = torch.cat([part[b].flatten() for part in z0]), q0[b], 0
        for _ in range(segments):
            q, r = torch.linalg.qr(torch.autograd.functional.jacobian(flat_segment, x) @ q)
            total = total + r.diagonal().abs().log()
            x = flat_segment(x).detach()
        expected = (total / (7 * segments)).sort(descending=True).values
        np.testing.assert_allclose(spectrum.exponents[b].detach(), expected, rtol=1e-6, atol=1e-8)
    assert spectrum.steps == 21


def test_rows_by_indices_are_the_recurrence_of_those_examples(plugins):
    model = build({"name": "triple", **SIZES})
    with torch.no_grad():
        recurrence = model.recurrence(questions(model))
        whole = recurrence.segment(model.initial(3))
        for index in (torch.tensor([2, 0]), torch.tensor([True, False, True]), slice(1, 3)):
            part = recurrence.rows(index)
            assert len({id(update) for update in part.sub_updates}) == 3  # repeated ones stay one
            count = len(part.sub_updates[0].e)
            for ours, theirs in zip(part.segment(model.initial(count)), whole):
                torch.testing.assert_close(ours, theirs[index])


def test_a_plug_in_that_does_not_import_is_named(tmp_path, monkeypatch):
    plugged_in.write(tmp_path, monkeypatch, own_broken="import no_such_library\n")
    with pytest.raises(UsageError, match="names a plug-in that cannot be imported") as caught:
        find_family("of_a_broken_plug_in")
    assert caught.value.found == "own_broken: ModuleNotFoundError: No module named 'no_such_library'"


def test_halting_of_the_published_two(small, batch):
    readout = small.read(small.initial(3))._replace(
        q_halt=torch.tensor([1.0, 1.0, -1.0]), q_continue=torch.tensor([2.0, 0.5, -2.0])
    )
    expected = [False, True, True] if small.config.name == "hrm" else [True, True, False]
    assert small.halts(readout).tolist() == expected


def test_planning_facts_of_the_published_two(small):
    """The estimates that puzzles were shared out by, from the sizes of the config."""
    config = small.config
    S, D, heads = config.positions, config.hidden_size, config.num_heads
    assert small.state_elements == 2 * S * D
    assert small.sub_updates_per_segment == config.H_cycles * (config.L_cycles + 1)
    assert small.activation_bytes() == 32 * S * D * 4 + 4 * heads * S**2 * 4
    mixing = (18 + 3) * 256 * D if config.mlp_t else 9 * 4 * S * D + 3 * heads * S**2
    assert small.activation_bytes(8, 8) == 8 * (20 * 2 * S * D + max((18 + 3) * 256 * S, mixing))
    assert small.puzzle_table is (small.inner.puzzle_emb.weights if config.puzzle_emb_ndim else None)
