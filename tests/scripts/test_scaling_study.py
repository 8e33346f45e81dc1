"""The study of inference compute: its steps, its placebos, and the whole of it at a size without sense."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from tests.analysis.test_scaling import N, fates
from tests.docs.test_scaling_page import check
from tests.outside_modules import module
from tests.scripts.study_scripts import accepted, again_the_same, called

from rrdyn.analysis.readers import Particles
from rrdyn.artifacts.errors import UsageError
from rrdyn.artifacts.npz import write_npz
from rrdyn.artifacts.schemas import SCALE
from rrdyn.cli.app import main
from rrdyn.measurement.scaling import METHODS
from rrdyn.measurement.scaling.particles import layout
from rrdyn.runtime.streams import generator

script = module(Path(__file__).parents[2] / "scripts" / "scaling_study.py")


def test_every_step_is_a_command_line_that_is_accepted(tmp_path, monkeypatch, capsys):
    called(script, monkeypatch, tmp_path / "root", "--out", tmp_path / "out", "--list")
    lines = accepted(capsys.readouterr().out)
    assert [line[0] for line in lines].count("scale") == 21
    assert not (tmp_path / "root").exists()


def test_checkpoints_that_are_given_are_not_trained(tmp_path, monkeypatch, capsys):
    called(
        script,
        monkeypatch,
        tmp_path,
        "--out",
        tmp_path,
        "--list",
        "--task",
        "maze",
        "--maze",
        "a",
        "b",
        "c",
        "--seeds",
        "1",
    )
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[1] for line in lines] == ["fate", *["scale", "analyze-scale"] * 3]
    assert all(line.split()[2] == "b" for line in lines if "analyze" not in line)
    assert "--members a c" in lines[1]
    with pytest.raises(UsageError, match="too few checkpoints"):
        called(script, monkeypatch, tmp_path, "--out", tmp_path, "--list", "--maze", "a", "b")


def test_a_shuffled_reader_is_as_good_as_chance_and_no_better():
    rng = np.random.default_rng(0)
    right = rng.random((4000, 4, 2)) < 0.3
    scores = np.where(right, 1.0, -1.0)
    particles = Particles(right=right, q_halt=scores, residual=-scores[:, :, -1], return_distance=-scores[:, :, -1],
                          answer=np.zeros((4000, 4), dtype=int))  # fmt: skip
    for reader in ("q_halt", "residual"):
        found = script.unknowing(particles, reader, np.random.default_rng(1))
        assert found["random"].mean() == pytest.approx(right[:, :, -1].mean())
        assert found["shuffled"].mean() == pytest.approx(0.3, abs=0.03)  # knowing, it would be 0.76
    assert set(script.unknowing(particles, "majority", rng)) == {"random"}


CHANCE = {"longer": 0.3, "restarts": 0.4, "permute": 0.5}
S = 2


def made(path, seed, methods, budget, depth):
    """A scale.npz of particles that are right by chance, the same in every file that has them, and know it somewhat."""
    rows, right, q_halt = [], [], []
    for code, method in enumerate(methods):
        for piece in layout(
            METHODS[method], budget, depth, METHODS[method].most(None) if METHODS[method].single else None
        ):
            for particle in piece.particles:
                rng = generator(seed, method, particle)
                hit = rng.random((16, N)) < CHANCE[method]
                knows = rng.normal(size=(16, N)) + hit
                for segment in range(1, piece.depth * S + 1):
                    rows.append((code, 0, particle, segment))
                    right.append(hit[segment - 1])
                    q_halt.append(knows[segment - 1])
    method, population, particle, segment = np.array(rows).T
    right, q_halt = np.array(right).T, np.array(q_halt).T
    arrays = {
        "right": right, "q_halt": q_halt, "residual": -q_halt, "return_distance": -q_halt,
        "answer": np.where(right, 0, 1 + particle[None]), "evaluations": np.ones((N, len(methods)), dtype=int),
        "method": method, "population": population, "particle": particle, "segment": segment, "idx": np.arange(N) * 3,
    }  # fmt: skip
    meta = {"methods": list(methods), "singles": ["longer"], "readers": {"permute": "majority"}, "budget": S,
            "sub_updates_per_segment": 7, "flops_per_segment": 10,
            "dataset": {"digest": "d", "split": "test"}}  # fmt: skip
    path.parent.mkdir(parents=True)
    write_npz(path, SCALE, arrays, meta)


def test_the_page_is_made_of_its_tables(tmp_path, monkeypatch):
    monkeypatch.setattr(script, "REPLICATES", 100)
    models = [script.trained(tmp_path, "maze", seed, [], 500) for seed in range(2)]
    for one in models:
        made(one.file("all"), one.seed, tuple(CHANCE), 2, 1)
        made(one.file("map"), one.seed, ("longer", "restarts"), 2, 2)
        made(one.file("noise"), one.seed, ("longer", "restarts"), 2, 1)
        fates(one.fates)
        for name in ("all", "map", "noise"):
            line = ["analyze-scale", one.file(name), "--fate", one.fates, "--no-figures", "--replicates", 100,
                    "--quiet", "--out", one.file(name).parent]  # fmt: skip
            assert main(list(map(str, line))) == 0
    out = tmp_path / "page"
    out.mkdir()
    script.written(models, out, ["rrdyn scale"])
    check(out)
    page = (out / "README.md").read_text()
    assert "Of 8 comparisons with `longer`" in page  # restarts and permute, at 1x and 2x, of 2 seeds
    row = pl.read_csv(out / "curves.csv").filter(seed=1, method="restarts", budget=2).to_dicts()[0]
    assert f"{row['right']:.3f} [{row['right_low']:.3f}, {row['right_high']:.3f}]" in page


@pytest.mark.slow
def test_all_of_it(tmp_path, monkeypatch):
    line = [tmp_path / "root", "--out", tmp_path / "page", "--tiny"]
    called(script, monkeypatch, *line)
    check(tmp_path / "page")
    again_the_same(script, monkeypatch, tmp_path / "page", *line)
