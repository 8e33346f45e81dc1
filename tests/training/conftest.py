"""Fixtures of the training tests; the helpers they share are in tiny_runs.py, which this makes importable."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from rrdyn.data.defaults import ensure

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="session")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The 4x4 Sudoku preset: 128 training, 16 validation, 64 test puzzles."""
    return ensure("sudoku", "sudoku-4x4-tiny", root=tmp_path_factory.mktemp("data"))
