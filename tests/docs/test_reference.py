"""The API reference: it is built without a warning, everything public in it says what it is, its front page holds."""

from __future__ import annotations

import ast
import importlib.util
import re
import warnings
from importlib import import_module
from pathlib import Path

import pytest
from tests.outside_modules import module

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src"
API = (ROOT / "docs" / "api.md").read_text()


def names(path: Path) -> str:
    return ".".join(path.relative_to(SOURCE).with_suffix("").parts).removesuffix(".__init__")


def undocumented(path: Path) -> list[str]:
    tree = ast.parse(path.read_text())
    public = [
        node
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.ClassDef)
        and not node.name.startswith("_")
        and not any(ast.unparse(mark) == "overload" for mark in node.decorator_list)
    ]
    return ([] if ast.get_docstring(tree) else ["the module"]) + [n.name for n in public if not ast.get_docstring(n)]


def reference():
    return module(ROOT / "docs" / "reference.py")


def test_everything_public_says_what_it_is():
    paths = [path for path in (SOURCE / "rrdyn").rglob("*.py") if path.name != "__main__.py"]
    commands = re.compile(r"rrdyn\.cli\.(?!app$|command$)\w+$")
    silent = {names(path): undocumented(path) for path in paths if not commands.match(names(path))}
    assert {name: missing for name, missing in silent.items() if missing} == {}


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`(rrdyn(?:\.\w+)+)`", API.replace("rrdyn.html", "")))))
def test_the_front_page_names_what_is_there(name):
    place, _, last = name.rpartition(".")
    if importlib.util.find_spec(place) and hasattr(import_module(place), last):
        return
    assert importlib.util.find_spec(name)


def test_the_reference_is_built_without_a_warning(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        first = reference().build(tmp_path)
    page = first.read_text()
    assert 'href="rrdyn/dynamics.html#lyapunov_spectrum"' in page
    assert 'href="rrdyn/analysis/thresholds.html"' in page
    assert not re.search(r"<(?:script|link)[^>]+(?:src|href)=\"https?:", page)
    assert (tmp_path / "rrdyn" / "models" / "trm.html").is_file()
    assert not (tmp_path / "rrdyn" / "cli" / "diagnose.html").exists()


def test_the_code_of_the_front_page_runs(tiny_study, monkeypatch, capsys):
    monkeypatch.chdir(tiny_study.place)
    (code,) = re.findall(r"^```python\n(.*?)^```$", API, flags=re.DOTALL | re.MULTILINE)
    exec(code, {})
    assert capsys.readouterr().out.startswith("tensor([[")
