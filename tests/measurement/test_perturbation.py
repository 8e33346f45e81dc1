from __future__ import annotations

import numpy as np
import pytest
import torch

from rrdyn.artifacts.cells import read_cells
from rrdyn.artifacts.npz import read_npz
from rrdyn.artifacts.schemas import PERTURB
from rrdyn.cli.app import main
from rrdyn.measurement import perturbation
from rrdyn.measurement.calibration import bisect, calibrate
from rrdyn.measurement.campaign import carry_out
from rrdyn.measurement.perturbation import Perturbation, PerturbationConfig
from rrdyn.measurement.subject import open_subject


def opened(path, dtype=torch.float32):
    return open_subject(path, data=None, split="test", dtype=dtype, device=torch.device("cpu"))


@pytest.fixture(scope="module")
def subject(trm_checkpoint):
    return opened(trm_checkpoint)


SMALL = PerturbationConfig(n=3, copies=2, segments=4, readout=3)


def test_sigma_zero_is_the_clean_run_and_noise_is_realised(subject):
    with torch.no_grad():
        arrays = Perturbation(subject, SMALL).observe(subject.questions(np.array([5])))
    assert (arrays["kl"][:, 0] == 0).all()
    assert (arrays["noise_norm"][:, 0] == 0).all()
    np.testing.assert_array_equal(arrays["correct"][0, 0, 0], arrays["correct"][0, 0, 1])
    S, D = subject.model.config.positions, subject.model.config.hidden_size
    expected = 0.3 * subject.model.initial_std * np.sqrt(2 * S * D)
    np.testing.assert_allclose(arrays["noise_norm"][:, 2], expected, rtol=0.15)
    assert (arrays["kl"] >= 0).all()
    np.testing.assert_array_equal(arrays["solve"], arrays["correct"].any(-1))
    np.testing.assert_array_equal(arrays["base"], arrays["correct"][:, 0, 0, 2])


def test_return_distances_of_every_restart(subject):
    with torch.no_grad():
        arrays = Perturbation(subject, SMALL).observe(subject.questions(np.array([5])))
    found = arrays["return_distance"]
    assert found.shape == (1, len(SMALL.sigmas), SMALL.copies, SMALL.segments, SMALL.periods)
    np.testing.assert_array_equal(found[0, 0, 0], found[0, 0, 1])  # sigma 0: the clean run
    t, p = np.indices(found.shape[-2:]) + 1
    assert (np.isfinite(found) == (p <= t)).all()


def test_one_latent_at_a_time(subject):
    both, only = (
        Perturbation(subject, SMALL.model_copy(update={"where": where}))._perturbed(np.array([1]), 0.5)[0]
        for where in ("both", "z_L")
    )
    start = subject.model.initial(2)
    assert torch.equal(only.z_H, start.z_H)
    assert torch.equal(only.z_L, both.z_L)
    assert not torch.equal(both.z_H, start.z_H)


def test_bf16_states_swallow_small_noise_and_the_record_says_so(trm_checkpoint):
    narrow = opened(trm_checkpoint, torch.bfloat16)
    config = SMALL.model_copy(update={"absolute": True})
    wanted = 3e-5 * np.sqrt(2 * narrow.model.config.positions * narrow.model.config.hidden_size)
    _, kept = Perturbation(narrow, config)._perturbed(np.array([1]), 3e-5)
    _, wide = Perturbation(opened(trm_checkpoint), config)._perturbed(np.array([1]), 3e-5)
    np.testing.assert_allclose(wide, wanted, rtol=0.1)
    assert not np.allclose(kept, wanted, rtol=0.3)


def test_batches_do_not_matter(subject, tmp_path):
    a = carry_out(Perturbation(subject, SMALL), tmp_path / "a.npz", batch=1).arrays
    b = carry_out(Perturbation(subject, SMALL), tmp_path / "b.npz", batch=3).arrays
    for key in a:
        np.testing.assert_array_equal(a[key], b[key], err_msg=key)


def test_kl_by_hand():
    p = torch.tensor([[[[0.5, 0.5], [0.9, 0.1], [0.1, 0.9]]]])
    q = torch.tensor([[[[0.25, 0.75], [0.9, 0.1], [0.5, 0.5]]]])
    asked = torch.tensor([[[True, True, False]]])
    expected = (0.5 * np.log(2) + 0.5 * np.log(0.5 / 0.75)) / 2
    np.testing.assert_allclose(perturbation.divergence(p.log(), q.log(), asked), [[expected]], rtol=1e-6)


def test_bisection():
    sigma, kl, _ = bisect(lambda s: 3 * s * s, 1.0, (1e-6, 1e2))
    assert abs(sigma / np.sqrt(1 / 3) - 1) < 0.006
    assert abs(kl - 1) < 0.02
    assert bisect(lambda s: 2.0, 1.0, (1e-6, 1e2))[0] is None
    assert bisect(lambda s: 0.5, 1.0, (1e-6, 1e2))[0] is None


def test_calibration_uses_other_puzzles(subject):
    config = SMALL.model_copy(update={"n": 30})
    assert set(subject.choose(30, 0)).isdisjoint(subject.choose(32, 0, after=30))
    found = calibrate(subject, config, 1e9, puzzles=4)
    assert found.sigma_star is None
    assert found.puzzles == 4
    assert "only reaches" in found.told


def test_command_with_calibration_writes_a_cell(hrm_checkpoint, tmp_path, capsys):
    line = ["perturb", str(hrm_checkpoint), "--n", "4", "--copies", "2", "--segments", "4", "--calibrate-n", "3"]
    line += ["--calibrate-kl", "0.5", "--alphas", "0", "1", "2", "--cells", str(tmp_path / "cells")]
    assert main([*line, "--out", str(tmp_path / "perturb.npz")]) == 0
    artifact = read_npz(tmp_path / "perturb.npz", PERTURB)
    (cell,) = read_cells(tmp_path / "cells", window=4)
    assert cell.c_star == artifact.meta["sigma_star"]
    if cell.c_star is not None:
        assert cell.alphas == ["0.0", "1.0", "2.0"]
        np.testing.assert_allclose(cell.kl("1.0"), artifact["kl"][:, 1].reshape(8, 4), rtol=1e-6)
        np.testing.assert_allclose(artifact["sigmas"], np.array([0, 1, 2]) * cell.c_star)
    assert "sigma*" in capsys.readouterr().out
