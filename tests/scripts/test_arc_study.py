"""The study of small ARC: its steps are commands, and the whole of it at a size without sense."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import pytest
from tests.docs.test_arc_small_page import check
from tests.outside_modules import module

from rrdyn.cli.app import find_command, load
from rrdyn.cli.command import parse

script = module(Path(__file__).parents[2] / "scripts" / "arc_study.py")


def called(monkeypatch, *line):
    monkeypatch.setattr(sys, "argv", ["arc_study.py", *map(str, line)])
    script.main()


def test_every_step_is_a_command_line_that_is_accepted(tmp_path, monkeypatch, capsys):
    called(monkeypatch, tmp_path / "root", "--out", tmp_path / "out", "--list")
    lines = [shlex.split(line)[1:] for line in capsys.readouterr().out.splitlines()]
    assert [line[0] for line in lines].count("train") == 3
    assert len({tuple(line) for line in lines}) == len(lines) == 3 * 7
    for line in lines:
        name, rest = find_command(line)
        parse(load(name).Args, rest, f"rrdyn {name}")
    assert not (tmp_path / "root").exists()


@pytest.mark.slow
def test_all_of_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    line = ["root", "--out", "page", "--tiny"]
    called(monkeypatch, *line)
    check(tmp_path / "page")
    monkeypatch.setattr(script, "rrdyn", lambda line: pytest.fail("run again"))
    called(monkeypatch, *line)
    check(tmp_path / "page")
