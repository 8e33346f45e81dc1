"""The notebook: stored as it was executed, by public names alone, and it runs from top to bottom on a small model."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from rrdyn.cli.app import main

NOTEBOOK = Path(__file__).parents[2] / "docs" / "notebook" / "recursive_reasoning.ipynb"
SMALL = """
CHECKPOINT, DATA = {checkpoint!r}, None
N, SEGMENTS, COPIES = 10, 16, 2
"""
PUBLIC = {"rrdyn", "rrdyn.dynamics", "rrdyn.models", "rrdyn.cli.app"}
"""Modules whose names docs/api.md keeps."""


@pytest.fixture(scope="module")
def notebook():
    return nbformat.read(NOTEBOOK, as_version=4)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    data, run = str(folder / "data"), str(folder / "run")
    make = ["data", "sudoku", "--source", "generate", "--size", "4", "--clues", "6", "--n", "64", "--test-n", "32"]
    assert main([*make, "--val-groups", "8", "--out", data, "--quiet"]) == 0
    assert main(["train", data, "--preset", "demo-tiny", "--steps", "20", "--out", run, "--quiet"]) == 0
    return Path(run) / "checkpoints" / "last"


def code(notebook) -> list:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def outputs_of(notebook) -> tuple[str, list]:
    """What it says on stdout, and its pictures."""
    outputs = [output for cell in code(notebook) for output in cell.outputs]
    said = "".join(output.text for output in outputs if output.output_type == "stream" and output.name == "stdout")
    return said, [output for output in outputs if "data:image/png" in output.get("data", {}).get("text/html", "")]


def holds(notebook) -> None:
    said, pictures = outputs_of(notebook)
    assert "known 0.6931 nats per step" in said
    assert re.search(r"a segment is \d+ sub-updates: z_L z_L ", said)
    assert "per module evaluation" in said
    assert "median exponents" in said
    assert len(pictures) == 4  # toy, rollout, basin, 2x2


def test_it_is_stored_as_it_was_executed(notebook):
    nbformat.validate(notebook)
    done = [cell for cell in code(notebook) if cell.source]
    assert [cell.execution_count for cell in done] == list(range(1, len(done) + 1))
    assert not any(output.output_type == "error" for cell in done for output in cell.outputs)
    holds(notebook)
    assert len(NOTEBOOK.read_bytes()) < 1_000_000
    text = "".join(output.get("text", "") for cell in done for output in cell.outputs)
    assert not re.search(r"/(home|root|tmp|work|Users)/", text)


def test_it_can_be_opened_and_run_without_a_checkout(notebook):
    assert "colab.research.google.com" in notebook.cells[0].source
    install = code(notebook)[0].source
    assert "find_spec" in install
    assert "%pip install" in install
    words = "\n".join(cell.source for cell in notebook.cells)
    assert "../" not in words


def test_it_uses_public_names_only(notebook):
    for cell in code(notebook)[1:]:
        for node in ast.walk(ast.parse(cell.source)):
            if isinstance(node, ast.Attribute):
                assert not node.attr.startswith("_"), cell.source
            elif isinstance(node, ast.ImportFrom) and str(node.module).startswith("rrdyn"):
                assert node.module in PUBLIC
                assert not any(alias.name.startswith("_") for alias in node.names)


def test_it_runs_from_top_to_bottom(notebook, checkpoint, tmp_path, monkeypatch):
    for key, value in {"OMP_NUM_THREADS": "1", "IPYTHONDIR": str(tmp_path), "JUPYTER_PLATFORM_DIRS": "1"}.items():
        monkeypatch.setenv(key, value)
    settings = next(i for i, cell in enumerate(notebook.cells) if "parameters" in cell.metadata.get("tags", ()))
    small = nbformat.v4.new_code_cell(SMALL.format(checkpoint=str(checkpoint)))
    ran = nbformat.from_dict(notebook)
    ran.cells = [*notebook.cells[: settings + 1], small, *notebook.cells[settings + 1 :]]
    NotebookClient(ran, timeout=900, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}).execute()
    holds(ran)
