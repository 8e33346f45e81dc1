"""The pages hold together: links resolve, command lines are accepted, named files exist, citations have their place."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path

import pytest
from tests.docs.page_plugins import write_plugins

from rrdyn.artifacts.citations import CITATIONS
from rrdyn.artifacts.errors import RrdynError
from rrdyn.cli.app import find_command, load
from rrdyn.cli.command import parse
from rrdyn.data.registry import KINDS
from rrdyn.measurement.measurement import MEASUREMENTS
from rrdyn.models.family import FAMILIES
from rrdyn.plotting import FIGURES
from rrdyn.runtime import plugins
from rrdyn.training.registry import OBJECTIVES

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    [
        ROOT / "README.md",
        ROOT / "PROVENANCE.md",
        ROOT / "CHANGELOG.md",
        ROOT / "CONTRIBUTING.md",
        *(ROOT / "docs").rglob("*.md"),
    ]
)
LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", flags=re.MULTILINE)


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings as GitHub spells them."""
    plain = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-") for title in HEADING.findall(plain)}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page):
    broken = []
    for link in LINK.findall(page.read_text()):
        place, _, anchor = link.partition("#")
        if re.match(r"[a-z]+:", link):
            continue
        target = (page.parent / place).resolve() if place else page
        if not target.exists() or (anchor and target.suffix == ".md" and anchor not in anchors(target)):
            broken.append(link)
    assert not broken


def test_the_index_leads_to_every_page():
    index = ROOT / "docs" / "index.md"
    linked = {(index.parent / link.partition("#")[0]).resolve() for link in LINK.findall(index.read_text())}
    pages = {page for page in PAGES if page.parent == index.parent} - {index}
    pages |= {page for page in PAGES if page.name == "README.md" and page.parent.parent == index.parent}
    assert pages <= linked


def test_methods_name_files_and_sources_that_are_there():
    text = (ROOT / "docs" / "methods.md").read_text()
    files = re.findall(r"`((?:artifacts|runtime|models|data|dynamics|analysis|training)/\w+\.py)`", text)
    assert len(files) > 20
    assert all((ROOT / "src" / "rrdyn" / file).is_file() for file in files)
    assert all(f"`{key}`" in text for key in CITATIONS)


def lines_of(page: Path) -> list[str]:
    """The command lines in a page's code, fenced or indented; a line that stands for others is none."""
    text = page.read_text().replace("\\\n", " ")
    found = re.findall(r"^(?: {4})?(rrdyn .+)$", text, flags=re.MULTILINE)
    return [line for line in found if not re.search(r"…|\$|\[options\]| \.\.\.", line.partition(" #")[0])]


@pytest.fixture
def plugged_in(tmp_path, monkeypatch):
    """The plug-ins that pages show, found as their readers would have them found."""
    names = write_plugins(tmp_path)
    monkeypatch.setenv("RRDYN_PLUGINS", ",".join(names))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(plugins, "_begun", set())
    known = (KINDS, FAMILIES, MEASUREMENTS, FIGURES, OBJECTIVES)
    before = [dict(registry) for registry in known]
    yield
    for registry, content in zip(known, before):
        registry.clear()
        registry.update(content)
    for name in names:
        sys.modules.pop(name, None)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_command_lines_are_accepted(page, plugged_in):
    refused = {}
    for line in lines_of(page):
        words = shlex.split(line, comments=True)[1:]
        name, rest = find_command(words)
        try:
            parse(load(name).Args, rest, f"rrdyn {name}")
        except (RrdynError, SystemExit) as error:
            refused[line] = str(error)
    assert refused == {}
