"""Every measurement and every command that reads a checkpoint, on a device other than the CPU.

A GPU was never at hand where this was written: what is shown is that nothing is refused, and that the numbers are those
of the CPU. The short form goes through each command once; `-m slow` through each cadence, estimator, dtype and model.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.measurement.test_voting import arc_in

from rrdyn.artifacts.errors import UsageError
from rrdyn.artifacts.npz import read_npz
from rrdyn.cli.app import main
from rrdyn.measurement.measurement import MEASUREMENTS
from rrdyn.measurement.subject import open_subject

DIAGNOSE = ["diagnose", "--n", "2", "--k", "2", "--segments", "2"]
ROLLOUT = ["rollout", "--n", "2", "--segments", "3"]
PERTURB = ["perturb", "--n", "2", "--copies", "2", "--segments", "4", "--sigmas", "0", "0.3"]
FATE = ["fate", "--n", "2", "--horizon", "8"]
EVALUATE = ["evaluate", "--n", "4"]
SHORT = {"diagnose": DIAGNOSE, "rollout": ROLLOUT, "perturb": PERTURB, "fate": FATE, "evaluate": EVALUATE}
LONG = {
    "cycle": [*DIAGNOSE, "--qr-every", "cycle"],
    "segment": [*DIAGNOSE, "--qr-every", "segment"],
    "auto": [*DIAGNOSE, "--qr-every", "auto"],
    "growth": [*DIAGNOSE, "--estimator", "growth"],
    "wide tangents": [*DIAGNOSE, "--tangent-dtype", "float64"],
    "align": [*DIAGNOSE, "--align", "1", "--save-states", "0", "2"],
    "stop": [*ROLLOUT, "--stop-after", "1"],
    "exponent": [*PERTURB, "--exponent", "--where", "z_L"],
    "calibrated": [*PERTURB, "--calibrate-kl", "0.1", "--calibrate-n", "1", "--alphas", "0", "1"],
    "no multipliers": [*FATE, "--multipliers", "0"],
    "halting": [*EVALUATE, "--halt"],
}  # fmt: skip
DTYPES = ("float32", "bfloat16", "float64")


def done(line: list[str], checkpoint, folder, *, device: str = "cuda"):
    """The command's output file, or what it printed."""
    command, *rest = line
    out = folder / f"{device}.{'json' if command == 'evaluate' else 'npz'}"
    code = main([command, str(checkpoint), *rest, "--device", device, "--out", str(out), "--quiet"])
    assert code == 0
    return json.loads(out.read_text()) if command == "evaluate" else read_npz(out)


@pytest.mark.parametrize("command", SHORT)
def test_each_command(card, command, checkpoints, tmp_path):
    assert done(SHORT[command], checkpoints["attention"], tmp_path)


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_rollout_keeps_its_state_and_is_extended(card, dtype, checkpoints, tmp_path):
    """In float64 the state was asked for as numpy while it lay on the device."""
    line = ["rollout", str(checkpoints["mlp"]), "--n", "2", "--dtype", dtype, "--device", "cuda", "--quiet"]
    first, longer = str(tmp_path / "first.npz"), str(tmp_path / "longer.npz")
    assert main([*line, "--segments", "2", "--keep-state", "--out", first]) == 0
    assert main([*line, "--segments", "3", "--extend", first, "--out", longer]) == 0
    assert read_npz(longer)["exact"].shape == (2, 3)


def test_solve(card, checkpoints, capsys):
    assert main(["solve", str(checkpoints["mlp"]), "--idx", "1", "--device", "cuda", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)


def test_every_registered_measurement(card, checkpoints, tmp_path):
    """Whatever is registered, with no settings but a small n, by the command that each of them has."""
    small = {
        "diag": ["k=2", "segments=2"], "fate": ["horizon=4", "multipliers=0"], "rollout": ["segments=2"],
        "perturb": ["segments=4", "copies=2"],
    }  # fmt: skip
    for name in sorted(MEASUREMENTS):
        out = tmp_path / f"{name}.npz"
        checkpoint = arc_in(tmp_path) / "ckpt" if name == "votes" else checkpoints["attention"]
        line = ["measure", name, str(checkpoint), "--device", "cuda", "--out", str(out), "--quiet"]
        assert main([*line, "--set", "n=2", *small.get(name, [])]) == 0, name
        assert len(read_npz(out)["idx"]) == (24 if name == "votes" else 2), name


@pytest.mark.parametrize("command", ["diagnose", "fate"])
def test_the_numbers_are_those_of_the_cpu(ledger, command, checkpoints, tmp_path):
    """One at a time, which is how the CPU goes about it; so that the pretended device is known to compute the same."""
    line = [*SHORT[command], "--batch", "1", *(["--multipliers", "0"] if command == "fate" else [])]
    there, here = (done(line, checkpoints["mlp"], tmp_path, device=device) for device in ("cuda", "cpu"))
    assert ledger.launches
    for key in here:
        if here[key].dtype.kind == "f":
            np.testing.assert_allclose(there[key], here[key], rtol=1e-3, atol=1e-4, err_msg=key)


def with_identifier(dataset, folder, split: str, number: int) -> str:
    """The same puzzles, one of a split under an identifier of its own."""
    other = Path(shutil.copytree(dataset, folder / "others"))
    path, told = (other / split / name for name in ("all__puzzle_identifiers.npy", "dataset.json"))
    identifiers = np.load(path)
    identifiers[-1] = number
    np.save(path, identifiers)
    told.write_text(json.dumps({**json.loads(told.read_text()), "num_puzzle_identifiers": number + 1}))
    return str(other)


@pytest.mark.parametrize("command", [*SHORT, "solve", "train", "val"])
def test_an_identifier_is_checked_before_it_is_an_index(card, command, checkpoints, dataset, tmp_path, capsys):
    """On the host: an index that is out of range ends a device's process. `val`: validation puzzles alone have it."""
    data = with_identifier(dataset, tmp_path, command if command in ("train", "val") else "test", 7)
    model, out = str(checkpoints["mlp"]), ["--out", str(tmp_path / "out"), "--quiet"]
    if command in ("train", "val"):
        line = ["train", data, "--init", model, "--steps", "1", *out]
    elif command == "solve":
        line = ["solve", model, "--data", data, "--split", "test", "--idx", "11"]
    else:
        line = [command, model, "--data", data, *SHORT[command][1:], "--n", "12", *out]
    assert main([*line, "--device", "cuda"]) in (2, 3)
    told = capsys.readouterr().err
    assert "an identifier that the model has no vector for" in told or "num_puzzle_identifiers 8" in told


def test_identifiers_of_a_batch_are_checked_on_the_host(card, checkpoints):
    """Also of puzzles that came with the right sizes."""
    subject = open_subject(checkpoints["mlp"], device="cuda")
    split = replace(subject.split, puzzle_identifiers=np.full(len(subject.split), 7))
    with pytest.raises(UsageError, match="no vector for"):
        replace(subject, split=split).questions(np.arange(2))


@pytest.mark.slow
@pytest.mark.parametrize("model", ["mlp", "attention", "hrm"])
@pytest.mark.parametrize("name", [*SHORT, *LONG])
def test_each_way_of_each_command(card, model, name, checkpoints, tmp_path):
    assert done({**SHORT, **LONG}[name], checkpoints[model], tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", [*SHORT, "cycle", "segment", "auto", "growth", "exponent", "calibrated"])
def test_each_dtype(card, dtype, name, checkpoints, tmp_path):
    assert done([*{**SHORT, **LONG}[name], "--dtype", dtype], checkpoints["attention"], tmp_path)
