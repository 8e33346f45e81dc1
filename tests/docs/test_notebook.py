"""The notebook runs from top to bottom on a small model, says what it should, and is committed without outputs."""

from __future__ import annotations

import ast
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from rrdyn.cli.app import main

pytestmark = pytest.mark.long
NOTEBOOK = Path(__file__).parents[2] / "docs" / "notebook" / "recursive_reasoning.ipynb"
SMALL = """
CHECKPOINT, DATA = {checkpoint!r}, None
N, SEGMENTS, COPIES = 12, 24, 2
"""


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


def test_it_is_committed_without_outputs(notebook):
    nbformat.validate(notebook)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert cell.outputs == []
            assert cell.execution_count is None


def test_it_reaches_for_nothing_private(notebook):
    for cell in notebook.cells:
        if cell.cell_type == "code":
            for node in ast.walk(ast.parse(cell.source)):
                names = [node.attr] if isinstance(node, ast.Attribute) else []
                if isinstance(node, ast.ImportFrom):
                    names += [part for alias in node.names for part in (*str(node.module).split("."), alias.name)]
                assert not any(name.startswith("_") for name in names), cell.source


def test_it_runs_from_top_to_bottom(notebook, checkpoint, tmp_path, monkeypatch):
    for key, value in {"OMP_NUM_THREADS": "1", "IPYTHONDIR": str(tmp_path), "JUPYTER_PLATFORM_DIRS": "1"}.items():
        monkeypatch.setenv(key, value)
    settings = next(i for i, cell in enumerate(notebook.cells) if "parameters" in cell.metadata.get("tags", ()))
    small = nbformat.v4.new_code_cell(SMALL.format(checkpoint=str(checkpoint)))
    ran = nbformat.from_dict(notebook)
    ran.cells = [*notebook.cells[: settings + 1], small, *notebook.cells[settings + 1 :]]
    NotebookClient(ran, timeout=900, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}).execute()

    outputs = [output for cell in ran.cells if cell.cell_type == "code" for output in cell.outputs]
    said = "".join(output.text for output in outputs if output.output_type == "stream" and output.name == "stdout")
    assert "known 0.6931 nats per step" in said
    assert "a segment is 6 sub-updates: z_L z_L z_H z_L z_L z_H" in said
    assert "escape rate per module evaluation" in said
    assert "median exponents" in said
    pictures = [output for output in outputs if "data:image/png" in output.get("data", {}).get("text/html", "")]
    assert len(pictures) == 4  # toy, rollout, basin, 2x2
