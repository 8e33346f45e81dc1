"""Modules of others are imported once, and what cannot be imported is named in one message."""

from __future__ import annotations

import sys

import pytest

from rrdyn.artifacts.errors import Notice, UsageError
from rrdyn.cli.app import main
from rrdyn.data.registry import KINDS, from_description
from rrdyn.runtime import plugins
from rrdyn.runtime.plugins import load_plugins


@pytest.fixture(autouse=True)
def fresh(tmp_path, monkeypatch):
    monkeypatch.setattr(plugins, "_begun", set())
    monkeypatch.syspath_prepend(tmp_path)
    yield
    plugins._load_installed.cache_clear()
    for name in ("counted", "broken_one", "looks_up"):
        sys.modules.pop(name, None)


@pytest.mark.parametrize("variable", ["RRDYN_PLUGINS", "RRDYN_PUZZLES"])
def test_a_module_is_imported_once(tmp_path, monkeypatch, variable):
    (tmp_path / "counted.py").write_text(f"open({str(tmp_path / 'log')!r}, 'a').write('x')\n")
    monkeypatch.setenv(variable, " counted ,")
    load_plugins()
    load_plugins()
    assert (tmp_path / "log").read_text() == "x"


@pytest.mark.parametrize("code", ["import no_such_module", "1 / 0", "raise SystemExit(7)", "def"])
def test_whatever_a_plug_in_raises_is_one_message_that_names_it(tmp_path, monkeypatch, capsys, code):
    (tmp_path / "broken_one.py").write_text(code + "\n")
    monkeypatch.setenv("RRDYN_PLUGINS", "broken_one")
    for _ in range(2):  # it is tried again: a mended module counts
        with pytest.raises(UsageError, match="names a plug-in that cannot be imported") as raised:
            load_plugins()
        assert "broken_one: " in str(raised.value)
    assert main(["data", "nothing"]) == 2
    heard = capsys.readouterr().err
    assert heard.count("broken_one: ") == 1
    assert "Traceback" not in heard


def test_a_plug_in_may_look_a_kind_up_while_it_is_imported(tmp_path, monkeypatch):
    (tmp_path / "looks_up.py").write_text(
        "from rrdyn.data.registry import find_kind, register\nfrom rrdyn.data.tokens import Tokens\n"
        "assert find_kind('looked-up') is None\n\n\n@register\nclass Own(Tokens):\n    name = 'looked-up'\n"
    )
    monkeypatch.setenv("RRDYN_PLUGINS", "looks_up")
    try:
        described = {"kind": "looked-up", "height": 1, "width": 4, "vocab_size": 3}
        assert type(from_description(described)).__module__ == "looks_up"
    finally:
        KINDS.pop("looked-up", None)


class Point:
    """An entry point of an installed package."""

    name, value = "theirs", "their.module"

    def load(self) -> None:
        raise ImportError("no their.module")


def test_an_installed_plug_in_that_is_broken_is_told_and_passed_over(monkeypatch):
    plugins._load_installed.cache_clear()
    monkeypatch.setattr(plugins, "entry_points", lambda group: [Point()] if group == "rrdyn.plugins" else [])
    with pytest.warns(Notice, match=r"the installed plug-in theirs \(their.module\) cannot be imported"):
        load_plugins()
    load_plugins()
