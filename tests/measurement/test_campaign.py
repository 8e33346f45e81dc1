"""Two measurements of different settings with one --out at once: both results are there."""

from __future__ import annotations

import os

import pytest

from rrdyn.artifacts.npz import read_npz
from rrdyn.cli.app import main


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
def test_both_results_exist(trm_checkpoint, tmp_path):
    children = []
    for seed in ("0", "1", "2"):
        child = os.fork()
        if child == 0:
            line = ["rollout", str(trm_checkpoint), "--n", "4", "--segments", "6", "--seed", seed, "--quiet"]
            os._exit(main([*line, "--keep-state", "--out", str(tmp_path / "r.npz")]))
        children.append(child)
    assert [os.waitpid(child, 0)[1] for child in children] == [0, 0, 0]
    files = [path for path in tmp_path.glob("r*.npz") if "state" not in path.name]
    assert sorted(read_npz(path).meta["seed"] for path in files) == [0, 1, 2]
    for path in files:
        state = read_npz(path.with_name(f"{path.stem}_state.npz"))
        assert state.meta["key"] == read_npz(path).meta["key"]
    assert not list(tmp_path.glob("*.parts"))
