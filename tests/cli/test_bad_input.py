"""Bad input: one clear message each, the right exit code, no traceback. The texts are held by a snapshot.

After a wanted change of words: UPDATE_SNAPSHOTS=1 python -m pytest tests/cli/test_bad_input.py
"""

from __future__ import annotations

import json
import os
import pickle
import re
from pathlib import Path

import numpy as np
import pytest
import torch

from rrdyn.artifacts.npz import write_npz
from rrdyn.artifacts.schemas import DIAG
from rrdyn.cli.app import main

SNAPSHOT = Path(__file__).with_name("snapshots") / "bad_input.json"


def diag(n: int = 40, s: int = 16, k: int = 4) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    correct = np.arange(n) % 2 == 0
    return {
        "drift_zH": np.where(correct, 0.1, 3.0)[:, None] * rng.uniform(0.5, 2, (n, s)), "drift_zL": rng.random((n, s)),
        "q_halt": rng.normal(size=(n, s)), "q_continue": rng.normal(size=(n, s)),
        "lyap_spec": np.sort(rng.normal(np.where(correct, -0.2, 0.1)[:, None], 0.1, (n, k)))[:, ::-1],
        "exact_correct": correct, "token_acc": np.where(correct, 1.0, 0.7), "halted_at": np.full(n, s),
        "idx": np.arange(n),
    }  # fmt: skip


class Bomb:
    """Unpickled, it would leave a file behind."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return (os.mkdir, (self.path.name,))  # the tests run in its folder


def missing(tmp):
    return ["analyze-2x2", str(tmp / "nothing.npz")], 3


def truncated(tmp):
    path = write_npz(tmp / "diag.npz", DIAG, diag(), {})
    path.write_bytes(path.read_bytes()[:1000])
    return ["analyze-2x2", str(path)], 3


def missing_key(tmp):
    np.savez(tmp / "diag.npz", **{key: array for key, array in diag().items() if key != "lyap_spec"})
    return ["analyze-2x2", str(tmp / "diag.npz")], 3


def wrong_shape(tmp):
    np.savez(tmp / "diag.npz", **diag() | {"lyap_spec": np.zeros(40)})
    return ["analyze-2x2", str(tmp / "diag.npz")], 3


def rows_disagree(tmp):
    np.savez(tmp / "diag.npz", **diag() | {"token_acc": np.zeros(7)})
    return ["analyze-2x2", str(tmp / "diag.npz")], 3


def pickled_npz(tmp):
    np.savez(tmp / "diag.npz", **diag() | {"idx": np.array([Bomb(tmp / "exploded")] * 40, dtype=object)})
    return ["analyze-2x2", str(tmp / "diag.npz")], 3


def text_named_npz(tmp):
    (tmp / "diag.npz").write_text("these are not the numbers you are looking for")
    return ["analyze-2x2", str(tmp / "diag.npz")], 3


def pickled_checkpoint(tmp):
    (tmp / "ckpt.pt").write_bytes(pickle.dumps(Bomb(tmp / "exploded")))
    return ["diagnose", str(tmp / "ckpt.pt")], 3


def torch_checkpoint_with_code(tmp):
    torch.save({"model": Bomb(tmp / "exploded")}, tmp / "ckpt.pt")
    return ["diagnose", str(tmp / "ckpt.pt")], 3


def missing_checkpoint(tmp):
    return ["diagnose", str(tmp / "ckpt.pt")], 3


def unknown_config_key(tmp):
    (tmp / "mine.yaml").write_text("dataset: sudoku-4x4-tiny\nmodel: {name: trm, hiden_size: 64}\nsteps: 3\n")
    return ["train", "sudoku", "--preset", str(tmp / "mine.yaml"), "--quiet"], 2


def unknown_setting(tmp):
    (tmp / "mine.yaml").write_text("dataset: sudoku-4x4-tiny\nmodel: {name: trm}\nstepps: 3\n")
    return ["train", "sudoku", "--preset", str(tmp / "mine.yaml")], 2


def out_of_range(tmp):
    return ["diagnose", "ckpt.pt", "--n", "0"], 2


def out_of_range_rate(tmp):
    return ["train", "sudoku", "--lr", "-1"], 2


def not_a_number(tmp):
    return ["diagnose", "ckpt.pt", "--k", "eight"], 2


def not_a_number_in_a_list(tmp):
    return ["toy", "--T", "4", "x"], 2


def out_of_range_in_a_list(tmp):
    return ["toy", "--T", "4", "0"], 2


def not_finite(tmp):
    return ["toy", "--eps", "nan"], 2


def missing_argument(tmp):
    return ["hub", "push", "diag.npz"], 2


def missing_list(tmp):
    return ["diagnose", "--n", "4"], 2


def unknown_choice(tmp):
    return ["diagnose", "ckpt.pt", "--split", "tset"], 2


def unknown_command(tmp):
    return ["diagnoze", "ckpt.pt"], 2


def unknown_flag(tmp):
    return ["diagnose", "ckpt.pt", "--tau", "3"], 2


def unknown_preset(tmp):
    return ["train", "sudoku", "--aug", "mutli4"], 2


def unwritable_folder(tmp):
    np.savez(tmp / "diag.npz", **diag())
    (tmp / "file").write_text("in the way")
    return ["analyze-2x2", str(tmp / "diag.npz"), "--out", str(tmp / "file" / "out")], 1


def all_nan(tmp):
    np.savez(tmp / "diag.npz", **diag() | {"lyap_spec": np.full((40, 4), np.nan)})
    return ["analyze-2x2", str(tmp / "diag.npz"), "--out", str(tmp / "out")], 4


CASES = [
    missing, truncated, missing_key, wrong_shape, rows_disagree, pickled_npz, text_named_npz, pickled_checkpoint,
    torch_checkpoint_with_code, missing_checkpoint, unknown_config_key, unknown_setting, out_of_range,
    out_of_range_rate, not_a_number, not_a_number_in_a_list, out_of_range_in_a_list, not_finite, missing_argument,
    missing_list, unknown_choice, unknown_command, unknown_flag, unknown_preset, unwritable_folder,
    all_nan,
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_bad_input(case, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    argv, code = case(tmp_path)
    assert main(argv) == code
    seen = capsys.readouterr()
    assert seen.out == ""
    assert "Traceback" not in seen.err
    assert not (tmp_path / "exploded").exists(), "code inside the file was run"
    held(case.__name__, re.sub(r"0x[0-9a-f]+", "0x…", seen.err.replace(str(tmp_path), "TMP")))


def held(name: str, text: str) -> None:
    known = json.loads(SNAPSHOT.read_text()) if SNAPSHOT.exists() else {}
    if os.environ.get("UPDATE_SNAPSHOTS"):
        SNAPSHOT.parent.mkdir(exist_ok=True)
        SNAPSHOT.write_text(
            json.dumps(dict(sorted((known | {name: text.splitlines()}).items())), indent=2, ensure_ascii=False) + "\n"
        )
    else:
        assert text.splitlines() == known[name]


def test_some_nan_rows_are_left_out_and_counted(tmp_path, capsys):
    arrays = diag()
    arrays["lyap_spec"][3] = np.nan
    np.savez(tmp_path / "diag.npz", **arrays)
    assert main(["analyze-2x2", str(tmp_path / "diag.npz"), "--out", str(tmp_path / "out"), "--no-figures"]) == 0
    seen = capsys.readouterr()
    assert "n=39" in seen.out
    assert "1 " in seen.err


def test_a_read_only_folder_is_one_message(tmp_path):
    """As a user without root's rights: root may write anywhere."""
    import subprocess
    import sys

    np.savez(tmp_path / "diag.npz", **diag())
    locked = tmp_path / "locked"
    locked.mkdir()
    locked.chmod(0o555)
    command = [
        sys.executable,
        "-m",
        "rrdyn",
        "analyze-2x2",
        str(tmp_path / "diag.npz"),
        "--out",
        str(locked),
        "--no-figures",
    ]
    as_nobody = {"user": 65534, "group": 65534} if os.getuid() == 0 else {}
    tmp_path.chmod(0o755)
    for parent in tmp_path.parents:
        if parent.owner() == Path.home().owner() and "pytest" in parent.name:
            parent.chmod(0o755)
    (tmp_path / "diag.npz").chmod(0o644)
    try:
        done = subprocess.run(command, capture_output=True, text=True, **as_nobody)
    except PermissionError:  # the interpreter itself lies where nobody may look
        return
    if "No module named" in done.stderr or ("Permission denied" in done.stderr and "rrdyn:" not in done.stderr):
        return
    assert done.returncode == 1, done.stderr
    assert "cannot write" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_full_disk_leaves_nothing_half_written(tmp_path):
    """A file-size limit stands in for a full disk."""
    import subprocess
    import sys

    np.savez(tmp_path / "diag.npz", **diag())
    code = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096));"
        "from rrdyn.cli.app import main; sys.exit(main(sys.argv[1:]))"
    )
    out = tmp_path / "out"
    done = subprocess.run(
        [sys.executable, "-c", code, "analyze-2x2", str(tmp_path / "diag.npz"), "--out", str(out), "--no-figures"],
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 1
    assert "cannot write" in done.stderr
    assert "File too large" in done.stderr
    assert "Traceback" not in done.stderr
    for path in out.glob("*.json"):
        json.loads(path.read_text())
    assert not list(out.glob(".*"))
