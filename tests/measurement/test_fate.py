from __future__ import annotations

import numpy as np
import pytest
import torch

from rrdyn.artifacts.errors import UsageError
from rrdyn.artifacts.npz import read_npz
from rrdyn.artifacts.schemas import FATE
from rrdyn.cli.app import main
from rrdyn.dynamics import FATES, classify_fate
from rrdyn.measurement.campaign import carry_out
from rrdyn.measurement.fate import Fate, FateConfig
from rrdyn.measurement.perturbation import perturbed
from rrdyn.measurement.subject import open_subject

SMALL = FateConfig(n=4, horizon=12, multipliers=0, max_period=4)


@pytest.fixture(scope="module")
def subject(trm_checkpoint):
    return open_subject(trm_checkpoint, data=None, split="test", dtype=torch.float32, device=torch.device("cpu"))


def test_it_is_what_classify_fate_says(subject):
    with torch.no_grad():
        questions = subject.questions(np.array([3]))
        arrays = Fate(subject, SMALL).observe(questions)
        recurrence = subject.model.recurrence(subject.model.embed(questions.inputs, questions.identifiers))
        found = classify_fate(recurrence, subject.model.initial(1), 12, max_period=4, keys=[3])
    assert arrays["fate"].tolist() == found.fate.tolist()
    np.testing.assert_array_equal(arrays["return_distance"], found.return_distance)
    assert arrays["lost"].tolist() == (arrays["right_budget"] & ~arrays["right_end"]).tolist()


def test_restarts_are_trajectories_from_perturbed_starts(subject):
    config = SMALL.model_copy(update={"restarts": 3, "sigma": 0.5})
    with torch.no_grad():
        questions = subject.questions(np.array([2, 7]))
        arrays = Fate(subject, config).observe(questions)
        z0, _ = perturbed(subject.model.initial(1), questions.idx, 3, 0.5 * subject.model.initial_std, 0)
        for row, idx in enumerate(questions.idx):
            one = subject.questions(questions.idx[row : row + 1])
            recurrence = subject.model.recurrence(subject.model.embed(one.inputs, one.identifiers))
            for copy in range(3):
                start = type(z0)(*(part[3 * row + copy][None] for part in z0))
                found = classify_fate(recurrence, start, 12, max_period=4, keys=[int(idx)])
                assert arrays["restart_fate"][row, copy] == int(found.fate[0])
    assert arrays["restart_right_end"].shape == (2, 3)
    clean = Fate(subject, SMALL).observe(questions)
    for key in clean:
        np.testing.assert_array_equal(clean[key], arrays[key], err_msg=key)


def test_batches_do_not_matter(subject, tmp_path):
    config = SMALL.model_copy(update={"restarts": 2, "n": 10})
    assert Fate(subject, config).group == 8  # they are followed together: a part holds whole groups
    one, all_ = (carry_out(Fate(subject, config), tmp_path / f"{batch}.npz", batch=batch).arrays for batch in (1, 4))
    assert one.keys() == all_.keys()
    for key in one:
        np.testing.assert_array_equal(one[key], all_[key], err_msg=key)


def test_a_horizon_by_the_operations_of_another(subject, trm_checkpoint):
    found = Fate(subject, FateConfig(horizon=20, operations_of=trm_checkpoint))
    assert found.settings.horizon == 20  # its own
    assert found.recorded() == Fate(subject, FateConfig(horizon=20)).recorded()


def test_a_horizon_within_the_budget_is_refused(subject):
    with pytest.raises(UsageError, match="before the model's budget"):
        Fate(subject, FateConfig(horizon=2))


def test_command(hrm_checkpoint, tmp_path, capsys):
    out = tmp_path / "fate.npz"
    line = ["fate", str(hrm_checkpoint), "--n", "3", "--horizon", "16", "--restarts", "2", "--multipliers", "2"]
    assert main([*line, "--out", str(out)]) == 0
    artifact = read_npz(out, FATE)
    assert artifact.meta["fates"] == list(FATES)
    assert artifact["multiplier_re"].shape == (3, 2)
    assert artifact["restart_fate"].shape == (3, 2)
    said = capsys.readouterr().out
    assert "basin stability: shares of 2 perturbed restarts" in said
    assert "of 3 " in said


def test_a_contracting_model_has_one_fixed_point_a_puzzle(srm_checkpoint, tmp_path):
    out = tmp_path / "fate.npz"
    line = ["fate", str(srm_checkpoint), "--n", "1", "--horizon", "32", "--restarts", "2", "--multipliers", "0"]
    assert main([*line, "--quiet", "--out", str(out)]) == 0
    found = read_npz(out, FATE)
    assert {FATES[code] for code in [*found["fate"], *found["restart_fate"].flat]} == {"fixed"}
