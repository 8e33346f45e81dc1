"""The site: every page is laid out with what it links to. What MkDocs makes of it `make docs` checks, strictly."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from tests.outside_modules import module

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def laid(tmp_path_factory):
    return module(ROOT / "docs" / "lay_out.py").lay_out(tmp_path_factory.mktemp("site") / "pages")


def test_no_link_of_a_page_is_dead_on_the_site(laid):
    dead = []
    for page in laid.rglob("*.md"):
        text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)
        for link in re.findall(r"\]\(([^)\s]+)\)|src=\"([^\"]+)\"", text):
            place = "".join(link).partition("#")[0]
            target = page.parent / place
            if place and not re.match(r"[a-z]+:", place) and not (target.is_file() or (target / "README.md").is_file()):
                dead.append((page.name, place))
    assert not dead


def test_the_navigation_names_pages_that_are_there(laid):
    nav = yaml.safe_load((ROOT / "mkdocs.yml").read_text())["nav"]
    named = [
        page for entry in nav for value in entry.values() for page in ([value] if isinstance(value, str) else value)
    ]
    assert len(named) == len(set(named))
    assert all((laid / page).is_file() for page in named)
    at_top = {page.relative_to(laid).as_posix() for page in (laid / "docs").glob("*.md")}
    assert at_top <= set(named)


def test_a_link_to_a_folder_without_a_page_keeps_its_words(tmp_path):
    (tmp_path / "with").mkdir()
    (tmp_path / "with" / "README.md").touch()
    (tmp_path / "without").mkdir()
    text = "[a](with) [b](without/) [c](https://x.y) ![d](without)"
    assert module(ROOT / "docs" / "lay_out.py").linked(text, tmp_path) == "[a](with) b [c](https://x.y) ![d](without)"
