"""A few hundred cases of the fuzzer, and that it would see what it looks for.

The whole: python -m tests.fuzz --cases 3000 --seed 0
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest
from tests.fuzz import doors, worker
from tests.fuzz.case import Case
from tests.fuzz.doors import Line
from tests.fuzz.files import KINDS, mutate
from tests.fuzz.verdict import faults, tree

ROOT = Path(__file__).resolve().parents[2]
CASES, SEED = 250, 1


@pytest.mark.slow
def test_nothing_escapes(tiny_study, tmp_path):
    told = tmp_path / "faults.json"
    # in a process of its own: a fork of one in which other tests have run may hang in their libraries' threads
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz", "--cases", str(CASES), "--seed", str(SEED), "--short", "--nice", "0",
         "--study", str(tiny_study.place / "runs" / "tiny"), "--place", str(tmp_path), "--json", str(told)],
        cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    assert told.is_file(), done.stderr
    assert json.loads(told.read_text())["cases"] > 0.9 * CASES
    assert done.returncode == 0, done.stdout


def test_every_command_has_a_line():
    assert doors.forgotten() == []
    assert doors.WITHOUT_FILES.keys() <= doors.COMMANDS.keys()


@pytest.mark.parametrize("suffix", KINDS)
def test_mutations_are_drawn_from_the_seed(suffix, tmp_path):
    """The same seed gives the same bytes, and most of them are other bytes than before."""
    path = SOUND[suffix](tmp_path / f"sound{suffix}")
    drawn = [mutate(path, Random(seed))[0] for seed in range(20)]
    assert drawn == [mutate(path, Random(seed))[0] for seed in range(20)]
    assert len(set(drawn)) > 10


def text(content: str):
    def made(path: Path) -> Path:
        path.write_text(content)
        return path

    return made


def arrays(path: Path) -> Path:
    import numpy as np

    with open(path, "wb") as stream:
        if path.suffix == ".npy":
            np.save(stream, np.arange(12.0).reshape(3, 4))
        else:
            np.savez(stream, meta=np.array('{"schema": "diag"}'), a=np.arange(12.0).reshape(3, 4), b=np.arange(3))
    return path


def tensors(path: Path) -> Path:
    import torch
    from safetensors.torch import save_file

    content = {"a": torch.ones(2, 3), "b": torch.arange(4)}
    if path.suffix == ".pt":
        torch.save({"model": content, "config": '{"name": "trm"}'}, path)
    else:
        save_file(content, path)
    return path


SOUND = {
    ".json": text('{"a": [1, 2.5, null], "b": {"c": "d"}}'),
    ".jsonl": text('{"step": 1, "loss": 0.5}\n{"step": 2, "loss": 0.25}\n{"step": 3}\n'),
    ".yaml": text("a: [1, 2]\nb:\n  c: d\nsteps: 3\n"),
    ".csv": text("a,b,c\n1,2,3\n4,5,6\n7,8,9\n"),
    ".txt": text("12.4\n3..1\n"),
    ".npz": arrays,
    ".npy": arrays,
    ".pt": tensors,
    ".safetensors": tensors,
}

PLANTED = {
    "traceback": "raise ValueError('planted')",
    "hang": "__import__('time').sleep(3600)",
    "crash": "__import__('os').kill(__import__('os').getpid(), 11)",
    "exit code": "__import__('sys').exit(7)",
    "message": "__import__('sys').exit(3)",
    "written outside": "open('../evil', 'w').write('x')",
    "lost": "__import__('os').remove('../in/mine.txt')",
    "changed": "open('../in/mine.txt', 'w').write('x')",
    "nothing written": "None",
    "memory": "bytearray(100_000_000_000)",
}


@pytest.mark.parametrize("kind", PLANTED)
def test_what_is_planted_is_seen(kind, tmp_path, monkeypatch):
    """Each thing that must not happen, done by a program in the place of ours."""
    for name in ("in", "work"):
        (tmp_path / name).mkdir()
    (tmp_path / "in" / "mine.txt").write_text("a user's file")
    out = tmp_path / "out"
    if kind != "nothing written":
        out.write_text("")
    case = Case(
        label=kind, line=Line("cite"), argv=[], root=tmp_path, codes=(0, 3), env=dict(os.environ), fresh=True, out=out
    )
    monkeypatch.setattr(worker, "FRESH", f"{PLANTED[kind]}\n")
    monkeypatch.setattr(worker, "IDLE", 0.5)
    before = tree(tmp_path)
    ended = worker.run(case)
    found = faults(case, ended, before, tree(tmp_path))
    assert [fault.kind for fault in found] == ["traceback" if kind == "memory" else kind], (ended, found)


def test_a_program_that_does_nothing_wrong_is_let_through(tmp_path, monkeypatch):
    (tmp_path / "work").mkdir()
    case = Case(label="good", line=Line("cite"), argv=[], root=tmp_path, codes=(3,), env=dict(os.environ), fresh=True)
    monkeypatch.setattr(worker, "FRESH", "import sys\nprint('rrdyn: no such file', file=sys.stderr)\nsys.exit(3)\n")
    assert faults(case, worker.run(case), {}, {}) == []
