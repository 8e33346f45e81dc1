"""The analysis beside the source study's script: what that script wrote for two files, number by number."""

from __future__ import annotations

import math
import shutil
from pathlib import Path

import polars as pl
import pytest
from tests.outside_modules import module
from tests.scripts.study_scripts import called

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests" / "golden" / "analysis"
script = module(ROOT / "scripts" / "beside_source_script.py")

STAND_IN = '''
"""Writes what the source study's script wrote for this file, with `off` added to one number."""
import json, shutil
from pathlib import Path
HERE, off = Path("."), {off}
def analyze(path, tag, make_figs=True):
    known = Path("{golden}")
    for kind in ("cells", "sweep"):
        shutil.copy(known / f"{{kind}}_{name}.csv", HERE / f"{{kind}}_{{tag}}.csv")
    found = json.loads((known / "results_{name}.json").read_text())
    found["auc"]["neg_lam1_predicts_converged"] += off
    (HERE / f"results_{{tag}}.json").write_text(json.dumps(found))
'''


@pytest.mark.parametrize("name", ["bimodal_n512", "ties_n300"])
@pytest.mark.parametrize("off", [0, 0.25, float("nan")])
def test_every_number_is_compared(name, off, tmp_path, monkeypatch, capsys):
    (tmp_path / "study" / "trm_s0").mkdir(parents=True)
    shutil.copy(GOLDEN / f"diag_{name}.npz", tmp_path / "study" / "trm_s0" / "diag.npz")
    source = tmp_path / "source.py"
    source.write_text(STAND_IN.format(off=f"float('{off}')", golden=GOLDEN.as_posix(), name=name))
    called(script, monkeypatch, source, tmp_path / "study", "--out", tmp_path / "page")
    (row,) = pl.read_csv(tmp_path / "page" / "source.csv").to_dicts()
    assert row["model"] == "trm_s0"
    assert row["numbers"] > 200
    assert row["largest_difference"] == (off if math.isfinite(off) else math.inf)  # a number against none
    capsys.readouterr()
