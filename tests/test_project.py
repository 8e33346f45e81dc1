"""What the project says of itself: its version, what it needs, what is pinned, and that its benchmarks still start."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from tests.outside_modules import module

import rrdyn

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
IMPORTED_AS = {"pyyaml": "yaml", "pillow": "PIL", "scikit-learn": "sklearn"}
# Of a checkout that is compared with, of a type checker alone, of a benchmark that says how to get it, of pydantic.
FOREIGN = {"models", "_typeshed", "pysat", "pydantic_core"}


def name_of(requirement: str) -> str:
    return re.match(r"[\w.-]+", requirement)[0]


def declared(groups: list[list[str]]) -> set[str]:
    names = {name_of(line) for group in groups for line in group} - {"rrdyn"}
    return {IMPORTED_AS.get(name, name.replace("-", "_")) for name in names}


def imported(folder: Path) -> dict[str, Path]:
    """Top-level names of all imports below a folder, inside functions too, with a file that has each."""
    found: dict[str, Path] = {}
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                found |= {alias.name.split(".")[0]: path for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                found[node.module.split(".")[0]] = path
    return found


def third_party(folder: Path) -> dict[str, Path]:
    here = {path.stem for path in folder.rglob("*.py")} | {"rrdyn", "tests"} | FOREIGN
    return {name: path for name, path in imported(folder).items() if name not in here | sys.stdlib_module_names}


def test_every_import_of_the_package_is_declared():
    extras = [group for name, group in PROJECT["optional-dependencies"].items() if name != "dev"]
    known = declared([PROJECT["dependencies"], *extras]) | {"jaxtyping", "trackio"}
    # the first only where a test has loaded it already, the second where a user has: it brings a web server along
    assert {name: path for name, path in third_party(ROOT / "src").items() if name not in known} == {}


@pytest.mark.parametrize("folder", ["tests", "benchmarks", "scripts", "docs"])
def test_every_import_of_the_tests_and_tools_is_declared(folder):
    known = declared([PROJECT["dependencies"], *PROJECT["optional-dependencies"].values()])
    assert {name: path for name, path in third_party(ROOT / folder).items() if name not in known} == {}


def test_every_dependency_has_a_floor_and_a_tested_version():
    lines = re.findall(r"^([\w.-]+)==(\S+)$", (ROOT / "constraints.txt").read_text(), flags=re.MULTILINE)
    pinned = {name.lower().replace("_", "-"): numbers(version) for name, version in lines}
    for line in [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["dev"]]:
        name, _, floor = line.partition(">=")
        if not name.startswith(("rrdyn", "types-")):
            assert numbers(floor) <= pinned[name.lower().replace("_", "-")], line


def test_the_lock_has_the_pinned_versions_with_digests_and_no_address_but_the_public_index():
    text = (ROOT / "uv.lock").read_text()
    packages = {package["name"]: package for package in tomllib.loads(text)["package"]}
    pins = re.findall(r"^([\w.-]+)==(\S+)$", (ROOT / "constraints.txt").read_text(), flags=re.MULTILINE)
    assert {name: version for name, version in pins if packages[plain(name)]["version"] != version} == {}
    asked = {plain(item["name"]): item["specifier"] for item in packages["rrdyn"]["metadata"]["requires-dist"]
             if "marker" not in item}  # fmt: skip
    assert asked == {plain(name_of(line)): line[len(name_of(line)) :] for line in PROJECT["dependencies"]}
    assert set(re.findall(r"https?://([^/\"]+)", text)) == {"pypi.org", "files.pythonhosted.org"}
    assert text.count("url = ") == text.count('hash = "sha256:')


def test_the_paper_cites_what_its_bibliography_has_and_names_the_authors_of_the_citation():
    head, text = (ROOT / "paper" / "paper.md").read_text().split("---\n", 2)[1:]
    entries = re.findall(r"^@\w+\{(\w+),", (ROOT / "paper" / "paper.bib").read_text(), flags=re.MULTILINE)
    assert set(re.findall(r"@([a-z]+\d{4}\w*)", text)) == set(entries)
    about, cited = yaml.safe_load(head), yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert [author["name"] for author in about["authors"]] == [author["name"] for author in cited["authors"]]
    assert about["title"] == cited["title"]
    assert {"Summary", "Statement of need", "State of the field"} <= set(re.findall(r"^# (.+)$", text, re.MULTILINE))
    assert 250 < len(text.split()) < 1750


def plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def numbers(version: str) -> tuple[int, ...]:
    found = tuple(int(part) for part in re.findall(r"\d+", version))
    assert found
    return found


def test_one_version_number():
    assert "version" in PROJECT["dynamic"]
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert str(cited["version"]) == rrdyn.__version__
    changes = re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), flags=re.MULTILINE)
    assert changes[0] == rrdyn.__version__


@pytest.mark.parametrize("path", sorted((ROOT / "benchmarks").glob("*.py")), ids=lambda path: path.stem)
def test_a_benchmark_finds_what_it_measures(path):
    assert callable(module(path).main)
