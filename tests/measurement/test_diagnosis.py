from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import torch
from tests.dynamics.small_models import TRM_MLP, random_model

from rrdyn.artifacts.npz import read_npz
from rrdyn.artifacts.schemas import DIAG, STATES
from rrdyn.cli.app import main
from rrdyn.measurement.campaign import carry_out
from rrdyn.measurement.diagnosis import Diagnosis, DiagnosisConfig
from rrdyn.measurement.subject import open_subject
from rrdyn.models.checkpoints import save


def subject_of(checkpoint, dtype=torch.float32):
    return open_subject(checkpoint, data=None, split="test", dtype=dtype, device=torch.device("cpu"))


def diagnose(subject, out, config, batch=None):
    return carry_out(Diagnosis(subject, config), out, batch=batch)


def measure(subject, config, questions):
    with torch.no_grad():
        return Diagnosis(subject, config).observe(questions)


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
            np.testing.assert_allclose(arrays["q_halt"][:, t], q.q_halt, rtol=1e-5, atol=1e-6)
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


def returns_of(model, questions, z0, segments, periods):
    """(B,T,P) by definition, from whole states in float64."""
    e, z, states = model.embed(questions.inputs, questions.identifiers), z0, [z0]
    for _ in range(segments):
        z = model.segment(z, e)
        states.append(z)
    flat = torch.stack([torch.cat([part.double().flatten(1) for part in state], 1) for state in states], 1)
    largest = flat.norm(dim=2).cummax(1).values
    found = torch.full((len(flat), segments, periods), torch.nan)
    for t in range(1, segments + 1):
        for p in range(1, min(periods, t) + 1):
            found[:, t - 1, p - 1] = (flat[:, t] - flat[:, t - p]).norm(dim=1) / largest[:, t]
    return found


def test_return_distances_are_those_of_the_joint_state(trm_checkpoint):
    subject = subject_of(trm_checkpoint, torch.float64)
    questions = subject.questions(np.array([3]))
    arrays = measure(subject, DiagnosisConfig(k=2, segments=3, periods=2, dtype="float64"), questions)
    with torch.no_grad():
        known = returns_of(subject.model, questions, subject.model.initial(1), 3, 2)
    np.testing.assert_allclose(arrays["return_distance"], known, rtol=1e-5)
    without = measure(subject, DiagnosisConfig(k=2, segments=3, periods=0, dtype="float64"), questions)
    assert "return_distance" not in without
    assert_equal(without, {key: value for key, value in arrays.items() if key != "return_distance"})


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


def test_many_checkpoints_states_and_a_second_call(trm_checkpoint, tmp_path, capsys):
    copies = [tmp_path / "run" / "checkpoints" / name for name in ("step_1", "step_2")]
    for copy in copies:
        shutil.copytree(trm_checkpoint, copy)
    line = ["diagnose", *map(str, copies), "--n", "3", "--k", "2", "--segments", "2", "--save-states", "5", "9"]
    assert main(line) == 0
    folder = tmp_path / "run" / "diag"
    assert {path.name for path in folder.iterdir()} == {
        f"{kind}_step_{n}.npz" for kind in ("diag", "states") for n in (1, 2)
    }
    states = read_npz(folder / "states_step_1.npz", STATES)
    assert states["z_H"].shape == (2, 3, 17, 16)
    before = (folder / "diag_step_1.npz").stat().st_mtime_ns
    capsys.readouterr()
    assert main([*line[:-3], "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [result["fresh"] for result in told["results"]] == [False, False]
    assert (folder / "diag_step_1.npz").stat().st_mtime_ns == before


def test_saved_states_move_as_the_drift_says(trm_checkpoint, tmp_path):
    subject, config = subject_of(trm_checkpoint), DiagnosisConfig(n=1, k=2, segments=3, save_states=(7,))
    (path,) = carry_out(Diagnosis(subject, config), tmp_path / "diag.npz").also
    z_H = read_npz(path, STATES)["z_H"][0].astype(float)
    with torch.no_grad():
        arrays = measure(subject, config, subject.questions(np.array([7])))
    np.testing.assert_allclose(np.linalg.norm(np.diff(z_H, axis=0).reshape(3, -1), axis=1), arrays["drift_zH"][0])


def test_growth_estimator(trm_checkpoint, tmp_path):
    subject = subject_of(trm_checkpoint, torch.float64)
    config = DiagnosisConfig(n=2, k=1, segments=2, dtype="float64")
    exact = diagnose(subject, tmp_path / "a.npz", config).arrays
    cheap = diagnose(subject, tmp_path / "b.npz", config.model_copy(update={"estimator": "growth"})).arrays
    np.testing.assert_allclose(cheap["lyap_spec"], exact["lyap_spec"], atol=2e-3)
    np.testing.assert_allclose(cheap["drift_zH"], exact["drift_zH"], rtol=1e-6)


def test_divergence_is_told_and_strict_exits_with_4(dataset, tmp_path, capsys):
    model = random_model(TRM_MLP)
    with torch.no_grad():
        model.inner.L_level.layers[0].mlp.gate_up_proj.weight.mul_(1e30)
    checkpoint = save(model, tmp_path / "ckpt", {"dataset": str(dataset)})
    line = ["diagnose", str(checkpoint), "--n", "2", "--k", "2", "--out", str(tmp_path / "diag.npz")]
    assert main(line) == 0
    assert "diverged    2 puzzles" in capsys.readouterr().out
    assert np.isnan(arrays_of(tmp_path / "diag.npz")["lyap_spec"]).all()
    assert main([*line, "--strict"]) == 4


@pytest.mark.parametrize(
    ("extra", "code", "message"),
    [
        (["--align", "4"], 2, "no segment is left"),
        (["--shard", "4/4"], 2, "--shard is not a share"),
        (["--data", "nowhere"], 3, "nowhere"),
        (["--save-states", "99"], 2, "names no puzzle"),
        (["--k", "0"], 2, "--k"),
        (["--k", "600"], 2, "k is out of range"),
    ],
)
def test_refusals(trm_checkpoint, tmp_path, capsys, extra, code, message):
    line = ["diagnose", str(trm_checkpoint), "--n", "1", "--segments", "4", "--out", str(tmp_path / "d.npz")]
    assert main([*line, *extra]) == code
    assert message in capsys.readouterr().err


def test_a_contracting_model_lies_below_its_certificate(srm_checkpoint, tmp_path, capsys):
    out = tmp_path / "diag.npz"
    assert main(["diagnose", str(srm_checkpoint), "--n", "6", "--k", "2", "--out", str(out)]) == 0
    said = capsys.readouterr().out
    artifact = read_npz(out, DIAG)
    proof = artifact.meta["contraction"]
    assert proof["bound"] == pytest.approx(0.3 + 0.7 * 0.9, abs=1e-6)
    assert proof["exponent"] == pytest.approx(np.log(proof["bound"]))
    assert (artifact["lambda_certified"] < proof["exponent"]).all()
    # two norms, one trajectory: they part by no more than |ln eta| / 2 over all sub-updates
    apart = np.abs(artifact["lambda_certified"] - artifact["lyap_spec"][:, 0])
    assert apart.max() <= np.log(4.0) / 2 / (4 * 6) + 0.02  # and by what another first frame leaves
    assert "is proved; in that norm it is" in said
    assert "ABOVE" not in said


def test_a_model_without_a_certificate_has_no_such_column(trm_checkpoint, tmp_path):
    out = tmp_path / "diag.npz"
    assert main(["diagnose", str(trm_checkpoint), "--n", "2", "--k", "1", "--out", str(out), "--quiet"]) == 0
    artifact = read_npz(out, DIAG)
    assert "lambda_certified" not in artifact.arrays
    assert "contraction" not in artifact.meta
