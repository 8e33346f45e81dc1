"""The architecture: imports point downwards, and the light commands stay light."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "rrdyn"
FLOORS = {
    "artifacts": 0,
    "runtime": 1,
    "models": 2,
    "data": 2,
    "dynamics": 3,
    "analysis": 3,
    "measurement": 4,
    "training": 5,
    "plotting": 5,
    "studies": 6,
    "cli": 7,
}
NEVER = {"analysis": {"torch"}, "plotting": {"torch"}, "artifacts": {"torch", "matplotlib"}, "data": {"matplotlib"}}
TOP_NEVER = {"cli": {"torch", "matplotlib"}}


def rooms_imported(tree: ast.AST) -> set[str]:
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    return names


def files(room: str) -> list[Path]:
    return sorted((SOURCE / room).rglob("*.py"))


@pytest.mark.parametrize("room", FLOORS)
def test_a_room_imports_only_from_floors_below(room):
    for path in files(room):
        for name in rooms_imported(ast.parse(path.read_text())):
            parts = name.split(".")
            if parts[0] == "rrdyn" and len(parts) > 1 and parts[1] in FLOORS and parts[1] != room:
                assert FLOORS[parts[1]] < FLOORS[room], f"{path.name} of {room}/ imports {name}"


@pytest.mark.parametrize("room", NEVER)
def test_a_room_never_imports_what_it_must_not_know(room):
    for path in files(room):
        loaded = {name.split(".")[0] for name in rooms_imported(ast.parse(path.read_text()))}
        assert not loaded & NEVER[room], path


def test_commands_import_heavy_libraries_only_when_they_run():
    for path in files("cli"):
        top = ast.parse(path.read_text())
        names = {name.split(".")[0] for node in top.body if isinstance(node, ast.Import | ast.ImportFrom)
                 for name in rooms_imported(node)}  # fmt: skip
        assert not names & TOP_NEVER["cli"], path


@pytest.mark.parametrize("arguments", [["-c", "import rrdyn"], ["-m", "rrdyn", "--help"], ["-m", "rrdyn", "--version"]])
def test_help_loads_neither_torch_nor_matplotlib(arguments):
    probe = subprocess.run(
        [sys.executable, "-X", "importtime", *arguments], capture_output=True, text=True, check=True
    ).stderr
    loaded = {line.rsplit("|", 1)[-1].strip().split(".")[0] for line in probe.splitlines()}
    assert "rrdyn" in loaded
    assert not loaded & {"torch", "matplotlib", "numpy", "tyro"}


def test_every_command_has_its_file_and_every_file_its_command():
    from rrdyn.cli.app import COMMANDS

    expected = {name.replace(" ", "_").replace("-", "_") for name in COMMANDS if not name.startswith("plot ")}
    shared = {"__init__", "app", "command", "completion", "data_kind", "plot", "options", "within"}
    found = {path.stem for path in (SOURCE / "cli").glob("*.py")} - shared
    assert found == expected


@pytest.mark.parametrize("room", FLOORS)
def test_files_hold_one_noun(room):
    for path in files(room):
        assert len(path.read_text().splitlines()) <= 400, f"{path} has grown past one noun"
