"""The page of every command: it is there, it is what the code says, and its lines run."""

from __future__ import annotations

import glob
import json
import shlex
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from tests.outside_modules import module

from rrdyn.cli.app import COMMANDS, main
from rrdyn.cli.schema import schema_of

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs" / "commands"


pages = module(FOLDER / "make.py")
hub_server = module(ROOT / "tests" / "runtime" / "hub_server.py")
HAND = pages.written_by_hand()


def typed(line: str, *more: str) -> int:
    """Run one line as a shell would hand it over: words split, patterns of file names filled in."""
    program, *words = shlex.split(line)
    assert program == "rrdyn"
    argv = [match for word in words for match in (sorted(glob.glob(word)) if "*" in word else [word])]
    return main([*argv, *more])


def answered(command: str, lines: list[str], capsys) -> dict[str, int]:
    """The exit code of each line. Lines of the command itself are run with --json, whose answer fits its schema."""
    validator = Draft202012Validator(schema_of(command))
    codes = {}
    for line in lines:
        own = f"{line} ".startswith(f"rrdyn {command} ")
        capsys.readouterr()
        codes[line] = typed(line, *(["--json"] if own and "--json" not in line else []))
        if own and codes[line] == 0:
            validator.validate(json.loads(capsys.readouterr().out))
    return codes


def test_every_page_is_what_the_code_says():
    expected = pages.pages()
    assert {path.name for path in FOLDER.glob("*.md")} == set(expected)
    stale = [name for name, content in expected.items() if (FOLDER / name).read_text() != content]
    assert not stale, f"run python docs/commands/make.py; stale: {stale}"


@pytest.mark.parametrize("command", COMMANDS)
def test_an_option_says_what_it_is(command):
    kind = pages.arguments(command)
    assert pages.told(kind)[1], "numbered examples"
    assert all(field.description for field in kind.model_fields.values())


# the one line of the self-check is run by tests/dynamics/test_selfcheck.py
EVERY = [pytest.param(name, marks=pytest.mark.slow) if name == "selfcheck" else name for name in COMMANDS]


@pytest.mark.parametrize("command", EVERY)
def test_the_lines_of_a_page_run(command, tiny_study, monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tiny_study.place)
    for name, text in HAND[command].get("files", {}).items():
        Path(name).write_text(text)
    lines = pages.runnable(HAND[command]["run"])
    assert any(line.startswith(f"rrdyn {command}") for line in lines)
    if command.startswith("hub "):
        hub_server.point_at_loopback(tmp_path, monkeypatch)
        with hub_server.Hub() as hub:
            monkeypatch.setenv("HF_ENDPOINT", hub.endpoint)
            monkeypatch.setenv("HF_TOKEN", "hf_a_token_of_the_test")
            codes = answered(command, lines, capsys)
    else:
        codes = answered(command, lines, capsys)
    assert set(codes.values()) == {0}, (codes, capsys.readouterr().err)
