"""The committed study: its small checkpoint opens out of the box, and its page says what its files say."""

from __future__ import annotations

import re
from pathlib import Path

from tests.outside_modules import module

from rrdyn.artifacts.npz import read_npz
from rrdyn.artifacts.schemas import DIAG
from rrdyn.cli.app import main

ROOT = Path(__file__).parents[2]
STUDY = ROOT / "docs" / "study"


def test_the_code_of_the_readme_runs(monkeypatch):
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), flags=re.DOTALL)
    monkeypatch.chdir(ROOT)
    names: dict = {}
    exec(code, names)
    assert names["spectrum"].exponents.shape == (4, 8)


def test_the_checkpoint_opens_out_of_the_box(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # not in the repository: the checkpoint finds its puzzles from where it lies
    out = tmp_path / "diag.npz"
    assert main(["diagnose", str(STUDY / "checkpoint"), "--n", "2", "--k", "2", "--out", str(out), "--quiet"]) == 0
    assert read_npz(out, DIAG)["lyap_spec"].shape == (2, 2)


def test_the_tables_of_the_page_are_those_of_its_files():
    script = module(ROOT / "scripts" / "study_tables.py")
    text = (STUDY / "README.md").read_text()
    assert script.filled(text, STUDY) == text
