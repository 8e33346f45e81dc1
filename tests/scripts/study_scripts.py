"""A study's script as it is typed, and what every one of them must do."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from types import ModuleType

import pytest

from rrdyn.cli.app import find_command, load
from rrdyn.cli.command import parse


def called(script: ModuleType, monkeypatch: pytest.MonkeyPatch, *line: object) -> None:
    monkeypatch.setattr(sys, "argv", [Path(script.__file__).name, *map(str, line)])
    script.main()


def accepted(listing: str) -> list[list[str]]:
    """The command lines that --list printed, without the word rrdyn; each is one that rrdyn takes."""
    lines = [shlex.split(line)[1:] for line in listing.splitlines()]
    for line in lines:
        name, rest = find_command(line)
        parse(load(name).Args, rest, f"rrdyn {name}")
    return lines


def again_the_same(script: ModuleType, monkeypatch: pytest.MonkeyPatch, page: Path, *line: object) -> None:
    """A study that is done runs nothing and writes the same."""
    written = {path.name: path.read_bytes() for path in page.glob("*.[cm]*")}
    monkeypatch.setattr(script, "rrdyn", lambda line: pytest.fail("run again"))
    called(script, monkeypatch, *line)
    assert {path.name: path.read_bytes() for path in page.glob("*.[cm]*")} == written
