"""The Stable Recursion Model: its certificate, its derivative rules, its weights from file to file."""

from __future__ import annotations

import math

import pytest
import torch

from rrdyn.artifacts.errors import UsageError
from rrdyn.dynamics import protocol
from rrdyn.dynamics.lyapunov import lyapunov_spectrum
from rrdyn.dynamics.metric import in_norm, largest_gain
from rrdyn.models import Latent, build, find_family, load, save
from rrdyn.models.contraction import Bounded
from rrdyn.models.description import describe
from rrdyn.models.exporting import export

SMALL = {
    "name": "srm", "hidden_size": 8, "L_layers": 2, "expansion": 2.0, "halt_max_steps": 4, "seq_len": 5,
    "vocab_size": 6, "forward_dtype": "float64",
}  # fmt: skip


def drawn(seed: int, *, spread: float = 1.0, dtype=torch.float64, **changes: object):
    """An SRM whose every number is random, and a batch of two puzzles."""
    torch.manual_seed(seed)
    model = build({**SMALL, **changes}, dtype=dtype).to(dtype).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(spread * torch.randn_like(parameter))
        inputs = torch.randint(0, 6, (2, 5))
        return model, model.embed(inputs, torch.zeros(2, dtype=torch.long))


def certified(seed: int, steps: int) -> None:
    """The certificate of one random SRM against gains of hostile pairs and lambda_1, both in the P-norm."""
    random = torch.Generator().manual_seed(seed)
    u = torch.rand(5, generator=random, dtype=torch.float64)
    eta = float(10 ** (2 * u[0] - 1))
    model, e = drawn(
        seed, spread=float(3 * u[1]), eta=eta, kappa=0.5 + 0.47 * float(u[2]) + 0.01, alpha=0.2 + 0.8 * float(u[3]),
        kappa_learned=bool(u[4] < 0.5), kappa_anchor=0.0,
    )  # fmt: skip
    with torch.no_grad():
        proof, recurrence, z0 = model.certificate(), model.recurrence(e), model.initial(2)
    assert proof.contracts
    assert proof.tighter <= proof.bound + 1e-12
    assert proof.slack <= 1 + 1e-12
    gain = largest_gain(recurrence.sub_updates[0], z0, proof.metric, random, steps)
    assert gain <= proof.tighter + 1e-9, (seed, gain, proof)
    spectrum = lyapunov_spectrum(*in_norm(recurrence, z0, proof.metric), 3, 2)
    assert float(spectrum.exponents.max()) <= math.log(proof.tighter) + 1e-9


@pytest.mark.parametrize("seed", range(6))
def test_the_certificate_holds(seed):
    certified(seed, steps=8)


@pytest.mark.slow
def test_the_certificate_holds_for_two_hundred():
    for seed in range(200):
        certified(seed, steps=60)


def test_the_bound_is_what_it_says(tmp_path):
    model, _ = drawn(1, eta=3.0, alpha=0.3, kappa=0.86, forward_dtype="float32")
    assert model.contraction_bound() == pytest.approx(0.7 + 0.3 * 0.86, abs=1e-12)
    assert model.certificate().gain == pytest.approx(0.86, abs=1e-12)
    record, text = describe(save(model, tmp_path / "step_1"))
    assert record.contraction.bound == pytest.approx(model.contraction_bound(), abs=1e-7)  # in the float32 of the file
    assert "proved: a sub-update parts states by at most 0.958" in text


def test_rounding_is_in_the_slack():
    """In bfloat16 a matrix may expand; the certificate is of the rounded one, and says by how much."""
    torch.manual_seed(0)
    model = build({**SMALL, "L_layers": 6, "alpha": 1.0, "kappa": 0.99}, dtype=torch.bfloat16)
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, Bounded):
                torch.nn.init.orthogonal_(module.weight)
    proof = model.certificate()
    assert 1 < proof.slack < 1.2, "orthogonal matrices, rounded to eight bits"
    assert proof.bound == pytest.approx(proof.gain * proof.slack, rel=1e-12)
    assert proof.gain == pytest.approx(0.99, rel=0.01)


def test_the_tangents_are_the_jacobian():
    model, e = drawn(2, eta=0.5)
    recurrence = model.recurrence(e)
    update, z0 = recurrence.sub_updates[0], model.initial(2)
    z = recurrence.segment(Latent(*(part + torch.randn_like(part) for part in z0)))
    n = sum(part[0].numel() for part in z)
    tangents = protocol.from_frame(torch.eye(n, dtype=torch.float64).expand(2, n, n), z)
    value, moved = protocol.value_of(b := update.advance(protocol.join(z, tangents))), protocol.tangents_of(b)
    for part, exact in zip(value, update.value(z)):
        assert (part - exact).abs().max() < 1e-12
    for i in range(2):
        alone = update.rows(slice(i, i + 1))

        def flat(x: torch.Tensor, alone=alone, i=i) -> torch.Tensor:
            sizes = [part[i].numel() for part in z]
            state = Latent(*(p.view(1, *part.shape[1:]) for p, part in zip(x.split(sizes), z)))
            return torch.cat([part.flatten() for part in alone.value(state)])

        x = torch.cat([part[i].flatten() for part in z])
        jacobian = torch.autograd.functional.jacobian(flat, x)
        assert (protocol.to_frame(moved)[i] - jacobian).abs().max() < 1e-10


def test_there_is_one_fixed_point_whatever_the_start():
    model, e = drawn(3)
    recurrence, ends = model.recurrence(e), []
    for seed in range(3):
        torch.manual_seed(seed)
        z = Latent(*(20 * torch.randn_like(part) for part in model.initial(2)))
        with torch.no_grad():
            for _ in range(60):
                z = recurrence.segment(z)
        ends.append(torch.cat([part.flatten() for part in z]))
    assert max(float((end - ends[0]).norm()) for end in ends) < 1e-9 * float(ends[0].norm())


def test_a_learned_kappa_stays_in_its_range_and_is_held_by_its_anchor():
    model, _ = drawn(4, spread=0.0, kappa_learned=True, kappa=0.8)
    assert float(model.kappa) == pytest.approx(0.8)
    assert float(model.penalty()) == pytest.approx(0.0, abs=1e-12)
    with torch.no_grad():
        model.inner.kappa_logit.fill_(50.0)
    assert float(model.kappa) == pytest.approx(0.99)
    penalty = model.penalty()
    assert float(penalty) == pytest.approx(0.19**2)
    penalty.backward()
    assert model.inner.kappa_logit.grad >= 0
    assert drawn(4)[0].penalty() is None
    with pytest.raises(UsageError, match="begins inside its range"):
        build({**SMALL, "kappa": 0.3, "kappa_learned": True})


def test_what_an_srm_has_not_is_refused():
    for wrong in ({"mlp_t": False}, {"pos_encodings": "rope"}, {"H_layers": 2}, {"kappa": 1.0}, {"eta": 0.0}):
        with pytest.raises(UsageError):
            build({**SMALL, **wrong})


@pytest.mark.parametrize("changes", [{}, {"puzzle_emb_ndim": 8, "num_puzzle_identifiers": 3, "kappa_learned": True}])
def test_weights_read_back_bit_for_bit(changes, tmp_path):
    model, _ = drawn(5, dtype=torch.float32, forward_dtype="float32", **changes)
    places = [save(model, tmp_path / "ours"), *(export(model, tmp_path / f"one.{kind}", kind)[0] for kind in ("pt",))]
    export(model, tmp_path / "theirs", "upstream")
    export(model, tmp_path / "hub", "hub")
    for place in (*places, tmp_path / "theirs", tmp_path / "hub"):
        again = load(place)
        assert again.config == model.config, place
        assert again.state_dict().keys() == model.state_dict().keys()
        for name, tensor in model.state_dict().items():
            assert torch.equal(again.state_dict()[name], tensor), (place, name)


def test_an_all_config_that_names_it_srm_is_read(tmp_path):
    model, _ = drawn(6, dtype=torch.float32, forward_dtype="float32", eta=2.0)
    export(model, tmp_path, "upstream")
    text = (tmp_path / "all_config.yaml").read_text()
    assert "name: srm" in text
    assert load(tmp_path).config.eta == 2.0
    assert find_family("srm").name == "srm"


def test_gradients_reach_every_number():
    model, _ = drawn(7, spread=0.1, kappa_learned=True)
    model.train()
    e = model.embed(torch.randint(0, 6, (2, 5)), torch.zeros(2, dtype=torch.long))
    out = model.read(model.recurrence(e).segment(model.initial(2), truncate=True))
    (out.logits.square().sum() + out.q_halt.sum() + out.q_continue.sum()).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.abs().sum() > 0, name
