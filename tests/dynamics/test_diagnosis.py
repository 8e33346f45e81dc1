from __future__ import annotations

import numpy as np
import pytest
import torch

from rrdyn.artifacts.npz import read_npz
from rrdyn.artifacts.schemas import DIAG
from rrdyn.cli.app import main
from rrdyn.dynamics.diagnosis import DiagnosisConfig, diagnose, measure
from rrdyn.dynamics.subject import open_subject


def subject_of(checkpoint, dtype=torch.float32):
    return open_subject(checkpoint, data=None, split="test", dtype=dtype, device=torch.device("cpu"))


def arrays_of(path):
    return read_npz(path, DIAG).arrays


def assert_equal(a, b):
    assert a.keys() == b.keys()
    for key in a:
        np.testing.assert_array_equal(a[key], b[key], err_msg=key)


@pytest.mark.parametrize("checkpoint", ["trm_checkpoint", "hrm_checkpoint"])
def test_command_writes_what_the_schema_says(checkpoint, request, tmp_path, capsys):
    path = request.getfixturevalue(checkpoint)
    assert main(["diagnose", str(path), "--n", "10", "--k", "3", "--out", str(tmp_path / "diag.npz")]) == 0
    artifact = read_npz(tmp_path / "diag.npz", DIAG)
    assert artifact["lyap_spec"].shape == (10, 3)
    assert artifact["log_r"].shape == (10, 4, 3)
    assert artifact["preds"].shape == (10, 4, 16)
    assert artifact["preds"].dtype == np.uint8
    assert (np.diff(artifact["lyap_spec"]) <= 0).all()
    np.testing.assert_allclose(np.sort(artifact["log_r"].sum(1) / (4 * 6))[:, ::-1], artifact["lyap_spec"], rtol=1e-12)
    np.testing.assert_array_equal(artifact["difficulty"], artifact["idx"])
    assert artifact.meta["estimator"]["sub_updates_per_segment"] == 6
    assert artifact.meta["step"] == 7
    assert "10, " in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == [tmp_path / "diag.npz"]


def test_value_path_is_the_models_own(trm_checkpoint):
    subject = subject_of(trm_checkpoint, torch.float64)
    questions = subject.questions(np.arange(3))
    with torch.no_grad():
        arrays = measure(subject, DiagnosisConfig(k=2, segments=3, dtype="float64"), questions)
        model, z = subject.model, subject.model.initial(3)
        e = model.embed(questions.inputs, questions.identifiers)
        before = z
        for t in range(3):
            z = model.segment(z, e)
            q = model.read(z)
            np.testing.assert_allclose(arrays["q_halt"][:, t], q.q_halt, rtol=1e-7)
            drift = (z.z_H - before.z_H).flatten(1).norm(dim=1)
            np.testing.assert_allclose(arrays["drift_zH"][:, t], drift, rtol=1e-7)
            size = torch.cat((z.z_H.flatten(1), z.z_L.flatten(1)), 1).norm(dim=1)
            after = model.segment(z, e)
            moved = torch.cat(((after.z_H - z.z_H).flatten(1), (after.z_L - z.z_L).flatten(1)), 1).norm(dim=1)
            np.testing.assert_allclose(arrays["residual"][:, t], moved / size, rtol=1e-4)
            before = z
    halts = arrays["q_halt"] > 0
    expected = [row.argmax() + 1 if row.any() else 3 for row in halts]
    np.testing.assert_array_equal(arrays["halted_at"], expected)


def test_bits_do_not_depend_on_batch_or_neighbours(trm_checkpoint, tmp_path):
    subject = subject_of(trm_checkpoint)
    results = []
    for batch in (1, 3, 8):
        out = tmp_path / f"diag{batch}.npz"
        results.append(diagnose(subject, out, DiagnosisConfig(n=11, k=3, segments=4), batch=batch).arrays)
    assert_equal(results[0], results[1])
    assert_equal(results[0], results[2])


def test_a_smaller_n_is_a_subset(trm_checkpoint, tmp_path):
    subject = subject_of(trm_checkpoint)
    few = diagnose(subject, tmp_path / "few.npz", DiagnosisConfig(n=4, k=2, segments=2)).arrays
    many = diagnose(subject, tmp_path / "many.npz", DiagnosisConfig(n=9, k=2, segments=2)).arrays
    rows = np.isin(many["idx"], few["idx"])
    assert_equal(few, {key: value[rows] for key, value in many.items()})


def test_two_processes_write_the_same_bits(trm_checkpoint, tmp_path):
    for share in ("1/2", "0/2"):
        line = ["diagnose", str(trm_checkpoint), "--n", "10", "--k", "2", "--batch", "2", "--shard", share]
        assert main([*line, "--out", str(tmp_path / "shared.npz")]) == 0
    assert main([*line[:-2], "--out", str(tmp_path / "alone.npz")]) == 0
    assert_equal(arrays_of(tmp_path / "shared.npz"), arrays_of(tmp_path / "alone.npz"))
