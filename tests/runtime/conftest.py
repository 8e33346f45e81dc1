"""Fixtures of the runtime tests; the Hub's stand-in is in hub_server.py, which this makes importable."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from hub_server import Hub, point_at_loopback


@pytest.fixture
def hub(tmp_path, monkeypatch):
    point_at_loopback(tmp_path, monkeypatch)
    with Hub() as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.endpoint)
        hub.commit(
            "someone/chaos",
            {
                "trm_sudoku/weights.pt": b"w" * 5000,
                "trm_sudoku/all_config.yaml": b"arch: {}\n",
                "trm_sudoku/code.py": b"print('never fetched')",
                "hrm_sudoku/weights.pt": b"h" * 10,
                "data/sudoku_meta.json": b"{}",
                "data/maze_meta.json": b"{}",
            },
        )
        yield hub
