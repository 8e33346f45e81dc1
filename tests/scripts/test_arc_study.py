"""The study of small ARC: its steps are commands, and the whole of it at a size without sense."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.docs.test_arc_small_page import check
from tests.outside_modules import module
from tests.scripts.study_scripts import accepted, called

script = module(Path(__file__).parents[2] / "scripts" / "arc_study.py")


def test_every_step_is_a_command_line_that_is_accepted(tmp_path, monkeypatch, capsys):
    called(script, monkeypatch, tmp_path / "root", "--out", tmp_path / "out", "--list")
    lines = accepted(capsys.readouterr().out)
    assert [line[0] for line in lines].count("train") == 3
    assert len({tuple(line) for line in lines}) == len(lines) == 3 * 7
    assert not (tmp_path / "root").exists()


def test_what_chance_tells_of_a_reader_that_knows_the_copies_alone():
    """Of two copies one is right three times of four: what is higher for it tells .75 of the time, by chance too."""
    arrays = {"task": np.zeros(8, int), "question": np.repeat(np.arange(4), 2), "identifier": np.tile([1, 2], 4),
              "right": np.array([1, 0, 1, 0, 1, 0, 0, 1], bool)}  # fmt: skip
    knows = arrays["identifier"] == 1
    drawn = script.placebo(arrays, {"copy": knows.astype(float)}, np.random.default_rng(0))["copy"]
    assert drawn == pytest.approx(0.75)
    truth = script.placebo(arrays, {"right": arrays["right"].astype(float)}, np.random.default_rng(0))["right"]
    assert 0.4 < truth.mean() < 0.9


@pytest.mark.slow
def test_all_of_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(script, "DRAWS", 3)
    line = ["root", "--out", "page", "--tiny"]
    called(script, monkeypatch, *line)
    check(tmp_path / "page")
    monkeypatch.setattr(script, "rrdyn", lambda line: pytest.fail("run again"))
    called(script, monkeypatch, *line)
    check(tmp_path / "page")
